/** Certificates for loopback, made on the spot: no key has to lie around, and nothing expires. */
import { createPrivateKey, generateKeyPairSync, randomBytes, sign } from 'node:crypto';

export interface Certificate {
  /** PEM; also what a client has to trust. */
  cert: string;
  /** PEM, PKCS #8. */
  key: string;
}

/** For `127.0.0.1`, `::1` and `localhost` (RFC 5280; P-256 with SHA-256). */
export function selfSignedCertificate(commonName = 'localhost'): Certificate {
  return certificate(commonName, []);
}

/** An authority and what it signs: certificates for `names` and the loopback addresses. */
export function certificateAuthority(): { authority: Certificate; issue(...names: readonly string[]): Certificate } {
  const name = 'test authority';
  const authority = certificate(name, []);
  return { authority, issue: (...names) => certificate(names[0] ?? 'localhost', names, { name, key: authority.key }) };
}

function certificate(commonName: string, more: readonly string[], issuer?: { name: string; key: string }): Certificate {
  const pair = generateKeyPairSync('ec', {
    namedCurve: 'P-256',
    publicKeyEncoding: { type: 'spki', format: 'der' },
    privateKeyEncoding: { type: 'pkcs8', format: 'pem' },
  });
  const day = 24 * 3600 * 1000;
  const named = (text: string): Buffer => sequence(set(sequence(oid('2.5.4.3'), der(0x0c, Buffer.from(text)))));
  const algorithm = sequence(oid('1.2.840.10045.4.3.2'));
  const addresses = [
    ...['localhost', ...more].map((host) => der(0x82, Buffer.from(host))),
    der(0x87, Buffer.from([127, 0, 0, 1])),
    der(0x87, Buffer.from([...new Uint8Array(15), 1])),
  ];
  const body = sequence(
    der(0xa0, integer(Buffer.from([2]))),
    integer(Buffer.concat([Buffer.from([1]), randomBytes(15)])),
    algorithm,
    named(issuer?.name ?? commonName),
    sequence(time(Date.now() - day), time(Date.now() + 365 * day)),
    named(commonName),
    pair.publicKey,
    der(
      0xa3,
      sequence(
        extension('2.5.29.19', true, issuer === undefined ? sequence(der(0x01, Buffer.from([0xff]))) : sequence()),
        extension('2.5.29.17', false, sequence(...addresses)),
      ),
    ),
  );
  const signature = sign('sha256', body, createPrivateKey(issuer?.key ?? pair.privateKey));
  const signed = sequence(body, algorithm, der(0x03, Buffer.concat([Buffer.from([0]), signature])));
  const lines = signed.toString('base64').match(/.{1,64}/g) ?? [];
  return {
    cert: `-----BEGIN CERTIFICATE-----\n${lines.join('\n')}\n-----END CERTIFICATE-----\n`,
    key: pair.privateKey,
  };
}

export function der(tag: number, content: Buffer): Buffer {
  const length = content.byteLength;
  const head = length < 0x80 ? [length] : length < 0x100 ? [0x81, length] : [0x82, length >> 8, length & 0xff];
  return Buffer.concat([Buffer.from([tag, ...head]), content]);
}

export function sequence(...parts: readonly Buffer[]): Buffer {
  return der(0x30, Buffer.concat(parts));
}

export function set(...parts: readonly Buffer[]): Buffer {
  return der(0x31, Buffer.concat(parts));
}

export function integer(bytes: Buffer): Buffer {
  return der(0x02, bytes);
}

export function oid(text: string): Buffer {
  const [first = 0, second = 0, ...rest] = text.split('.').map(Number);
  const bytes = [first * 40 + second];
  for (const part of rest) {
    const groups = [part & 0x7f];
    for (let left = part >> 7; left > 0; left >>= 7) groups.unshift((left & 0x7f) | 0x80);
    bytes.push(...groups);
  }
  return der(0x06, Buffer.from(bytes));
}

export function time(at: number): Buffer {
  const text = new Date(at).toISOString().replace(/[-:T]/g, '').slice(2, 14);
  return der(0x17, Buffer.from(`${text}Z`));
}

export function extension(id: string, critical: boolean, value: Buffer): Buffer {
  const flag = critical ? [der(0x01, Buffer.from([0xff]))] : [];
  return sequence(oid(id), ...flag, der(0x04, value));
}
