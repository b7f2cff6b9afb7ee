/** What nobody should make: wrapped secrets with some bytes changed open nothing, and fail in no other way. */
import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { it } from 'node:test';
import { jweUnwrapper } from '../../src/encryption/jwe.ts';
import { pgpUnwrapper } from '../../src/encryption/pgp.ts';
import { pkcs7Unwrapper } from '../../src/encryption/pkcs7.ts';
import type { KeyUnwrapper } from '../../src/encryption/wrapped-secret.ts';
import { createRandom } from '../support/random.ts';
import { fixtureKey, fixturePath, foreignLayer } from './support.ts';

const seed = Number(process.env['SHEAF_SEED'] ?? Math.floor(Math.random() * 2 ** 31));

it(`wrapped secrets with changed bytes never give another secret (SHEAF_SEED=${seed})`, async () => {
  const random = createRandom(seed);
  const { layer } = await foreignLayer();
  const [rsa, ec] = [await fixtureKey('rsa.pem'), await fixtureKey('ec.pem')];
  const bob = await pgpUnwrapper(await readFile(fixturePath('bob.asc')), undefined, 'bob');
  for (const unwrapper of [jweUnwrapper([ec]), pkcs7Unwrapper([rsa]), bob] satisfies KeyUnwrapper[]) {
    const text = layer.annotations?.[`org.opencontainers.image.enc.keys.${unwrapper.kind}`] ?? '';
    const wrapped = Buffer.from(text, 'base64');
    const secret = Buffer.from((await unwrapper.unwrap(wrapped)) ?? []);
    assert.ok(secret.byteLength > 0);
    for (let round = 0; round < 300; round += 1) {
      const changed = Buffer.from(wrapped);
      for (let times = random.below(4); times >= 0; times -= 1) {
        changed[random.below(changed.byteLength)] = random.below(256);
      }
      const cut = random.below(3) === 0 ? changed.subarray(0, random.below(changed.byteLength)) : changed;
      const opened = await unwrapper.unwrap(cut);
      if (opened !== undefined) assert.deepEqual(Buffer.from(opened), secret, `${unwrapper.kind}, round ${round}`);
    }
  }
});
