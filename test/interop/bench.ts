/** Short words for tests that give commands to sheaf one by one. */
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import { fixtureImage, writeFixtureLayout } from '../../fixtures/images.ts';
import type { Registry } from '../../src/registry-server/index.ts';
import { testFolder } from '../support/folders.ts';
import { eightPlatforms, must, type Sources } from './sources.ts';
import { type Sheaf, sheafIn } from './tools.ts';

/** What a test about one behaviour works with: a sheaf of its own, short forms of its commands, names of what there is. */
export interface Bench {
  readonly folder: string;
  readonly sheaf: Sheaf;
  to(name: string): string;
  app(key: string): string;
  list(key: string): string;
  digest(key: string): string;
  create(...args: string[]): Promise<string>;
  add(...args: string[]): Promise<string>;
  annotate(...args: string[]): Promise<string>;
  push(...args: string[]): Promise<string>;
  inspect(...args: string[]): Promise<Index>;
  /** An OCI layout with images of these platforms, and how they are named. */
  layout(name: string, ...keys: string[]): Promise<(key: string) => string>;
}

/** An entry of an index, or another descriptor, as JSON has it. */
export interface Entry {
  mediaType: string;
  digest: string;
  size: number;
  artifactType?: string;
  annotations?: Record<string, string>;
  platform?: Record<string, unknown>;
}

export interface Index {
  schemaVersion: number;
  mediaType: string;
  manifests: Entry[];
  subject?: Entry;
  annotations?: Record<string, string>;
}

/** The manifest of an artifact. */
export interface Artifact {
  artifactType?: string;
  config: Entry;
  layers: Entry[];
  subject?: Entry;
  annotations?: Record<string, string>;
}

export const digests = (index: Index): string[] => index.manifests.map((entry) => entry.digest);

/** A bench at `registry`, where `sources` stand. */
export async function openBench(t: TestContext, registry: Registry, sources: Sources): Promise<Bench> {
  const folder = await testFolder(t);
  const sheaf = sheafIn(folder);
  const insecure = '--tls-verify=false';
  return {
    folder,
    sheaf,
    to: (name) => `docker://${registry.host}/${name}`,
    app: (key) => `docker://${registry.host}/src/app:${key}`,
    list: (key) => `docker://${registry.host}/src/list:${key}`,
    digest: (key) => must(sources.images, key).manifest.digest,
    create: (...args) => sheaf.ok('manifest', 'create', insecure, ...args),
    add: (...args) => sheaf.ok('manifest', 'add', insecure, ...args),
    annotate: (...args) => sheaf.ok('manifest', 'annotate', insecure, ...args),
    push: (...args) => sheaf.ok('manifest', 'push', insecure, ...args),
    async inspect(...args) {
      return JSON.parse(await sheaf.ok('manifest', 'inspect', insecure, ...args)) as Index;
    },
    async layout(name, ...keys) {
      const images = await Promise.all(
        keys.map(async (key) => [key, await fixtureImage({ platform: must(eightPlatforms, key) })] as const),
      );
      await writeFixtureLayout(join(folder, name), Object.fromEntries(images));
      return (key) => `oci:${join(folder, name)}:${key}`;
    },
  };
}
