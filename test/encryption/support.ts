/** Keys, and the layer that skopeo encrypted (fixtures/foreign/encryption). */
import { createPrivateKey, generateKeyPairSync, type KeyObject } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import type { Descriptor } from '../../src/oci/descriptor.ts';

export const plainDigest = 'sha256:868cd4e252f03c59912de179566e7f7b73751cbbe574bf21269b675c58848a45';

export function fixturePath(name: string): string {
  return fileURLToPath(new URL(`../../fixtures/foreign/encryption/${name}`, import.meta.url));
}

export async function fixtureKey(name: string): Promise<KeyObject> {
  return createPrivateKey(await readFile(fixturePath(name)));
}

export async function foreignLayer(): Promise<{ layer: Descriptor; bytes: Buffer }> {
  const { data = '', ...layer } = JSON.parse(await readFile(fixturePath('layer.json'), 'utf8')) as Descriptor;
  return { layer, bytes: Buffer.from(data, 'base64') };
}

export interface KeyPair {
  readonly publicKey: KeyObject;
  readonly privateKey: KeyObject;
}

export const rsaPair = (): KeyPair => generateKeyPairSync('rsa', { modulusLength: 2048 });
export const ecPair = (namedCurve = 'P-256'): KeyPair => generateKeyPairSync('ec', { namedCurve });
