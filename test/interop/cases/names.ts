/** How the cases name what they are about. */
import { mkdir, writeFile } from 'node:fs/promises';
import { writeFixtureLayout } from '../../../fixtures/images.ts';
import { must, type Sources } from '../sources.ts';

export interface Names {
  /** `docker://HOST/src/app:<key>` */
  app(key: string): string;
  docker(key: string): string;
  list(key: string): string;
  /** Digest of an image of `src/app`. */
  digest(key: string): string;
  /** Digest of an image of `src/docker`. */
  dockerDigest(key: string): string;
  /** A file of {@link files}. */
  file(name: string): string;
  /** In an OCI layout: the images of the list "four", and that list. */
  layout(key: string): string;
}

/** Puts {@link files} and the layout below `folder`. */
export async function writeFiles(folder: string, sources: Sources): Promise<void> {
  await mkdir(folder, { recursive: true });
  for (const [name, content] of Object.entries(files)) await writeFile(`${folder}/${name}`, content);
  const images = ['amd64', 'arm64', 'armv7', 's390x'].map((key) => [key, must(sources.images, key)] as const);
  await writeFixtureLayout(`${folder}/layout`, Object.fromEntries(images), { four: must(sources.lists, 'four') });
}

/** Files for artifacts: name to content. */
export const files: Readonly<Record<string, string | Uint8Array>> = {
  'notes.txt': 'some notes\n',
  'sbom.json': '{"spdxVersion":"SPDX-2.3"}\n',
  'page.html': '<!DOCTYPE html><title>t</title>\n',
  'archive.tar.gz': Uint8Array.of(0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 255, 3, 0, 0, 0, 0, 0, 0, 0, 0, 0),
  README: 'text without an extension\n',
  binary: Uint8Array.of(0, 1, 2, 3, 255, 254),
  'blob.unknownext': Uint8Array.of(7, 7, 7, 0, 0, 1),
  'module.wasm': Uint8Array.of(0, 0x61, 0x73, 0x6d, 1, 0, 0, 0),
  empty: '',
  'config.json': '{"key":"value"}\n',
};

export function namesOf(host: string, folder: string, sources: Sources): Names {
  return {
    app: (key) => `docker://${host}/src/app:${key}`,
    docker: (key) => `docker://${host}/src/docker:${key}`,
    list: (key) => `docker://${host}/src/list:${key}`,
    digest: (key) => must(sources.images, key).manifest.digest,
    dockerDigest: (key) => must(sources.docker, key).manifest.digest,
    file: (name) => `${folder}/${name}`,
    layout: (key) => `oci:${folder}/layout:${key}`,
  };
}
