import assert from 'node:assert/strict';
import { createPrivateKey, createPublicKey, diffieHellman } from 'node:crypto';
import { describe, it } from 'node:test';
import { jweUnwrapper, jweWrapper } from '../../src/encryption/jwe.ts';
import { derivedKey } from '../../src/encryption/jwe-recipients.ts';
import { ecPair, type KeyPair, rsaPair } from './support.ts';

const payload = Buffer.from('{"symkey":"something"}');
const json = (bytes: Uint8Array): Record<string, unknown> => JSON.parse(Buffer.from(bytes).toString());
const bytesOf = (value: unknown): Buffer => Buffer.from(JSON.stringify(value));

async function wrapFor(...pairs: readonly KeyPair[]): Promise<Uint8Array> {
  return jweWrapper(pairs.map(({ publicKey }) => publicKey)).wrap(payload);
}

async function open(wrapped: Uint8Array, ...pairs: readonly KeyPair[]): Promise<string | undefined> {
  const opened = await jweUnwrapper(pairs.map(({ privateKey }) => privateKey)).unwrap(wrapped);
  return opened && Buffer.from(opened).toString();
}

/** RFC 7516, appendix A.1: RSA-OAEP with A256GCM, in the compact serialization. */
const rfc7516 = {
  compact:
    'eyJhbGciOiJSU0EtT0FFUCIsImVuYyI6IkEyNTZHQ00ifQ.OKOawDo13gRp2ojaHV7LFpZcgV7T6DVZKTyKOMTYUmKoTCVJRgckCL9kiMT03JGeipsEdY3mx_etLbbWSrFr05kLzcSr4qKAq7YN7e9jwQRb23nfa6c9d-StnImGyFDbSv04uVuxIp5Zms1gNxKKK2Da14B8S4rzVRltdYwam_lDp5XnZAYpQdb76FdIKLaVmqgfwX7XWRxv2322i-vDxRfqNzo_tETKzpVLzfiwQyeyPGLBIO56YJ7eObdv0je81860ppamavo35UgoRdbYaBcoh9QcfylQr66oc6vFWXRcZ_ZT2LawVCWTIy3brGPi6UklfCpIMfIjf7iGdXKHzg.48V1_ALb6US04U3b.5eym8TW_c8SuK0ltJ3rpYIzOeDQz7TALvtu6UG9oMo4vpzs9tX_EFShS8iB7j6jiSdiwkIr3ajwQzaBtQD_A.XFBoMYUZodetZdvTiFvSkQ',
  key: {
    kty: 'RSA',
    n: 'oahUIoWw0K0usKNuOR6H4wkf4oBUXHTxRvgb48E-BVvxkeDNjbC4he8rUWcJoZmds2h7M70imEVhRU5djINXtqllXI4DFqcI1DgjT9LewND8MW2Krf3Spsk_ZkoFnilakGygTwpZ3uesH-PFABNIUYpOiN15dsQRkgr0vEhxN92i2asbOenSZeyaxziK72UwxrrKoExv6kc5twXTq4h-QChLOln0_mtUZwfsRaMStPs6mS6XrgxnxbWhojf663tuEQueGC-FCMfra36C9knDFGzKsNa7LZK2djYgyD3JR_MB_4NUJW_TqOQtwHYbxevoJArm-L5StowjzGy-_bq6Gw',
    e: 'AQAB',
    d: 'kLdtIj6GbDks_ApCSTYQtelcNttlKiOyPzMrXHeI-yk1F7-kpDxY4-WY5NWV5KntaEeXS1j82E375xxhWMHXyvjYecPT9fpwR_M9gV8n9Hrh2anTpTD93Dt62ypW3yDsJzBnTnrYu1iwWRgBKrEYY46qAZIrA2xAwnm2X7uGR1hghkqDp0Vqj3kbSCz1XyfCs6_LehBwtxHIyh8Ripy40p24moOAbgxVw3rxT_vlt3UVe4WO3JkJOzlpUf-KTVI2Ptgm-dARxTEtE-id-4OJr0h-K-VFs3VSndVTIznSxfyrj8ILL6MG_Uv8YAu7VILSB3lOW085-4qE3DzgrTjgyQ',
    p: '1r52Xk46c-LsfB5P442p7atdPUrxQSy4mti_tZI3Mgf2EuFVbUoDBvaRQ-SWxkbkmoEzL7JXroSBjSrK3YIQgYdMgyAEPTPjXv_hI2_1eTSPVZfzL0lffNn03IXqWF5MDFuoUYE0hzb2vhrlN_rKrbfDIwUbTrjjgieRbwC6Cl0',
    q: 'wLb35x7hmQWZsWJmB_vle87ihgZ19S8lBEROLIsZG4ayZVe9Hi9gDVCOBmUDdaDYVTSNx_8Fyw1YYa9XGrGnDew00J28cRUoeBB_jKI1oma0Orv1T9aXIWxKwd4gvxFImOWr3QRL9KEBRzk2RatUBnmDZJTIAfwTs0g68UZHvtc',
    dp: 'ZK-YwE7diUh0qR1tR7w8WHtolDx3MZ_OTowiFvgfeQ3SiresXjm9gZ5KLhMXvo-uz-KUJWDxS5pFQ_M0evdo1dKiRTjVw_x4NyqyXPM5nULPkcpU827rnpZzAJKpdhWAgqrXGKAECQH0Xt4taznjnd_zVpAmZZq60WPMBMfKcuE',
    dq: 'Dq0gfgJ1DdFGXiLvQEZnuKEN0UUmsJBxkjydc3j4ZYdBiMRAy86x0vHCjywcMlYYg4yoC4YZa9hNVcsjqA3FeiL19rk8g6Qn29Tt0cj8qqyFpz9vNDBUfCAiJVeESOjJDZPYHdHY8v1b-o-Z2X5tvLx-TCekf7oxyeKDUqKWjis',
    qi: 'VIMpMYbPf47dT1w_zDUXfPimsSegnMOA1zTaX7aGk_8urY6R8-ZW1FxU7AlWAyLWybqq6t16VFd7hQd0y6flUK4SlOydB61gwanOsXGOAOv82cHq0E3eL4HrtZkUuKvnPrMnsUUFlfUdybVzxyjz9JF_XyaY14ardLSjf4L_FNY',
  },
};

/** RFC 7518, appendix C. */
const rfc7518 = {
  alice: {
    kty: 'EC',
    crv: 'P-256',
    x: 'gI0GAILBdu7T53akrFmMyGcsF3n5dO7MmwNBHKW5SV0',
    y: 'SLW_xSffzlPWrHEVI30DHM_4egVwt3NQqeUD7nMFpps',
    d: '0_NxaRPUMQoAJt50Gz8YiTr8gRTwyEaCumd-MToTmIo',
  },
  bob: {
    kty: 'EC',
    crv: 'P-256',
    x: 'weNJy2HscCSM6AEDTDg04biOvhFhyyWvOHQfeF_PxMQ',
    y: 'e8lnCO-AlStT-NJVX-crhB7QRYhiix03illJOVAOyck',
  },
};

describe('JWE', () => {
  it('opens the example of RFC 7516', async () => {
    const privateKey = createPrivateKey({ key: rfc7516.key, format: 'jwk' });
    const opened = await jweUnwrapper([privateKey]).unwrap(Buffer.from(rfc7516.compact));
    assert.equal(
      Buffer.from(opened ?? []).toString(),
      'The true sign of intelligence is not knowledge but imagination.',
    );
  });

  it('derives the key of RFC 7518', () => {
    const shared = diffieHellman({
      privateKey: createPrivateKey({ key: rfc7518.alice, format: 'jwk' }),
      publicKey: createPublicKey({ key: rfc7518.bob, format: 'jwk' }),
    });
    const parties = { u: Buffer.from('Alice'), v: Buffer.from('Bob') };
    const key = derivedKey(shared, 'A128GCM', 16, parties);
    assert.equal(Buffer.from(key).toString('base64url'), 'VqqN6vgjbSBcIijNcacQGg');
  });

  for (const [name, make, alg] of [
    ['RSA', rsaPair, 'RSA-OAEP'],
    ['P-256', () => ecPair('P-256'), 'ECDH-ES+A256KW'],
    ['P-384', () => ecPair('P-384'), 'ECDH-ES+A256KW'],
    ['P-521', () => ecPair('P-521'), 'ECDH-ES+A256KW'],
  ] as const) {
    it(`goes there and back with ${name}, flattened, and opens for nobody else`, async () => {
      const [pair, other] = [make(), make()];
      const wrapped = await wrapFor(pair);
      const document = json(wrapped);
      const header = json(Buffer.from(String(document['protected']), 'base64url'));
      assert.deepEqual([header['alg'], header['enc']], [alg, 'A256GCM']);
      assert.equal(document['recipients'], undefined);
      assert.equal(await open(wrapped, other, pair), payload.toString());
      assert.equal(await open(wrapped, other), undefined);
      assert.equal(Buffer.from(wrapped).includes('something'), false);
    });
  }

  it('is opened by each of several recipients', async () => {
    const pairs = [rsaPair(), ecPair(), ecPair('P-384')];
    const wrapped = await wrapFor(...pairs);
    assert.equal((json(wrapped)['recipients'] as unknown[]).length, 3);
    for (const pair of pairs) assert.equal(await open(wrapped, pair), payload.toString());
    assert.equal(await open(wrapped, rsaPair(), ecPair()), undefined);
  });

  it('reads the compact form and members that are not protected', async () => {
    const pair = ecPair();
    const flat = json(await wrapFor(pair)) as Record<string, string>;
    const compact = ['protected', 'encrypted_key', 'iv', 'ciphertext', 'tag'].map((name) => flat[name]).join('.');
    assert.equal(await open(Buffer.from(compact), pair), payload.toString());
    const { recipients, ...rest } = json(await wrapFor(pair, rsaPair())) as { recipients: Array<{ header: object }> };
    const moved = {
      ...rest,
      unprotected: recipients[0]?.header,
      recipients: [{ ...recipients[0], header: undefined }],
    };
    assert.equal(await open(bytesOf(moved), pair), payload.toString());
  });

  it('opens nothing that was changed, is cut off, or must be understood in ways that it is not', async () => {
    const pair = ecPair();
    const document = json(await wrapFor(pair)) as Record<string, string>;
    const flipped = (text = ''): string => {
      const bytes = Buffer.from(text, 'base64url');
      bytes[0] = (bytes[0] ?? 0) ^ 1;
      return bytes.toString('base64url');
    };
    const header = json(Buffer.from(document['protected'] ?? '', 'base64url'));
    const headed = (more: object): Buffer =>
      bytesOf({ ...document, protected: bytesOf({ ...header, ...more }).toString('base64url') });
    for (const name of ['encrypted_key', 'iv', 'ciphertext', 'tag']) {
      assert.equal(await open(bytesOf({ ...document, [name]: flipped(document[name]) }), pair), undefined, name);
      assert.equal(await open(bytesOf({ ...document, [name]: undefined }), pair), undefined, name);
      assert.equal(await open(bytesOf({ ...document, [name]: '' }), pair), undefined, name);
    }
    const offCurve = { ...(header['epk'] as object), x: Buffer.alloc(32, 1).toString('base64url') };
    for (const more of [
      { zip: 'DEF' },
      { crit: ['b64'] },
      { enc: 'A128CBC-HS256' },
      { alg: 'dir' },
      { epk: offCurve },
    ]) {
      assert.equal(await open(headed(more), pair), undefined, JSON.stringify(more));
    }
    assert.equal(await open(bytesOf({ ...document, aad: 'eA' }), pair), undefined);
    for (const text of ['', '{', '[]', 'a.b.c', 'a.b.c.d.e', '{"protected":5}', '{"recipients":[5]}']) {
      assert.equal(await open(Buffer.from(text), pair), undefined, text);
    }
  });
});
