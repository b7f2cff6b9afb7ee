import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  formatPlatform,
  type HostProbe,
  hostPlatform,
  isEmptyPlatform,
  normalizePlatform,
  type Platform,
  type PlatformSpec,
  parsePlatform,
  parsePlatformOn,
  parsePlatforms,
  platformKey,
  samePlatform,
} from '../../src/oci/platform.ts';

const host = { os: 'linux', architecture: 'arm64', variant: 'v8' };

const specifiers: ReadonlyArray<readonly [text: string, expected: PlatformSpec]> = [
  ['linux/amd64', { os: 'linux', architecture: 'amd64' }],
  ['linux/arm64', { os: 'linux', architecture: 'arm64' }],
  ['linux/arm64/v8', { os: 'linux', architecture: 'arm64', variant: 'v8' }],
  ['linux/arm64/8', { os: 'linux', architecture: 'arm64', variant: 'v8' }],
  ['linux/arm64/v9', { os: 'linux', architecture: 'arm64', variant: 'v9' }],
  ['linux/arm64/v9.0', { os: 'linux', architecture: 'arm64', variant: 'v9' }],
  ['linux/aarch64', { os: 'linux', architecture: 'arm64' }],
  ['linux/arm', { os: 'linux', architecture: 'arm' }],
  ['linux/arm/v7', { os: 'linux', architecture: 'arm', variant: 'v7' }],
  ['linux/arm/7', { os: 'linux', architecture: 'arm', variant: 'v7' }],
  ['linux/arm/v6', { os: 'linux', architecture: 'arm', variant: 'v6' }],
  ['linux/armhf', { os: 'linux', architecture: 'arm' }],
  ['linux/armel', { os: 'linux', architecture: 'arm', variant: 'v6' }],
  ['linux/x86_64', { os: 'linux', architecture: 'amd64' }],
  ['linux/x86-64', { os: 'linux', architecture: 'amd64' }],
  ['linux/amd64/v1', { os: 'linux', architecture: 'amd64' }],
  ['linux/amd64/v3', { os: 'linux', architecture: 'amd64', variant: 'v3' }],
  ['linux/i386', { os: 'linux', architecture: '386' }],
  ['Linux/ARM64', { os: 'linux', architecture: 'arm64' }],
  ['macos/arm64', { os: 'darwin', architecture: 'arm64' }],
  ['unknown/unknown', { os: 'unknown', architecture: 'unknown' }],
  ['linux/s390x', { os: 'linux', architecture: 's390x' }],
  ['windows(10.0.17763.1)/amd64', { os: 'windows', architecture: 'amd64', osVersion: '10.0.17763.1' }],
  [
    'windows(10.0.17763+win32k+b%20c)/amd64',
    { os: 'windows', architecture: 'amd64', osVersion: '10.0.17763', osFeatures: ['win32k', 'b c'] },
  ],
  ['windows()/amd64', { os: 'windows', architecture: 'amd64' }],
  ['windows(+win32k)/amd64', { os: 'windows', architecture: 'amd64', osFeatures: ['win32k'] }],
  // one half alone
  ['arm64', { os: 'linux', architecture: 'arm64' }],
  ['aarch64', { os: 'linux', architecture: 'arm64' }],
  ['amd64', { os: 'linux', architecture: 'amd64' }],
  ['armhf', { os: 'linux', architecture: 'arm' }],
  ['riscv64', { os: 'linux', architecture: 'riscv64' }],
  ['linux', { os: 'linux', architecture: 'arm64' }],
  ['windows(10.0)', { os: 'windows', architecture: 'arm64', osVersion: '10.0' }],
];

for (const [text, expected] of specifiers) {
  test(`specifier ${text}`, () => assert.deepEqual(parsePlatformOn(text, host), expected));
}

const badSpecifiers: ReadonlyArray<readonly [text: string, problem: RegExp]> = [
  ['', /it is empty/],
  ['linux/', /"" is not made of/],
  ['/amd64', /"" is not made of/],
  ['linux//v7', /"" is not made of/],
  ['linux/arm/v7/x', /more than three parts/],
  ['linux/*', /wildcards/],
  ['nonsense', /neither a known operating system nor a known architecture/],
  ['amd64(1)', /neither/],
  ['linux amd64', /"linux amd64" is not made of/],
  ['linux,amd64', /is not made of/],
  ['windows(10/amd64', /"windows\(10" is not made of/],
  ['windows(%zz)/amd64', /percent-encoded/],
  ['linux/amd64\n', /is not made of/],
];

for (const [text, problem] of badSpecifiers) {
  test(`no specifier: ${JSON.stringify(text)}`, () => {
    assert.throws(() => parsePlatformOn(text, host), {
      name: 'UsageError',
      code: 'INVALID_PLATFORM',
      message: problem,
    });
  });
}

test('a system alone takes the architecture of the host, and its variant on arm if that is not v7', () => {
  const on = (architecture: string, variant?: string) =>
    formatPlatform(parsePlatformOn('linux', { os: 'linux', architecture, variant }));
  assert.equal(on('arm', 'v6'), 'linux/arm/v6');
  assert.equal(on('arm', 'v7'), 'linux/arm');
  assert.equal(on('arm'), 'linux/arm');
  assert.equal(on('arm64', 'v8'), 'linux/arm64');
});

test('several platforms, with commas or as texts of their own', () => {
  const expected = ['linux/amd64', 'linux/arm64', 'linux/arm/v6'].map(parsePlatform);
  assert.deepEqual(parsePlatforms(['linux/amd64,linux/arm64', 'linux/arm/v6']), expected);
  assert.deepEqual(parsePlatforms([]), []);
  assert.throws(() => parsePlatforms(['linux/amd64,']), { code: 'INVALID_PLATFORM', message: /it is empty/ });
});

test('parsePlatform takes the missing half from this machine', () => {
  assert.equal(parsePlatform('amd64').os, hostPlatform().os);
  assert.equal(parsePlatform('linux').architecture, hostPlatform().architecture);
});

test('formatted', () => {
  assert.equal(formatPlatform({ os: 'linux', architecture: 'arm', variant: 'v7' }), 'linux/arm/v7');
  assert.equal(formatPlatform({ os: 'linux', architecture: 'arm64', variant: '' }), 'linux/arm64');
  assert.equal(formatPlatform({ os: '', architecture: '' }), 'unknown/unknown');
});

test('normalised: names change, everything else stays, and nothing is added', () => {
  const given: Platform = {
    os: 'Linux',
    architecture: 'aarch64',
    variant: 'v8',
    'os.version': '1',
    'os.features': ['f'],
  };
  const frozen = Object.freeze({ ...given });
  assert.deepEqual(normalizePlatform(frozen), {
    os: 'linux',
    architecture: 'arm64',
    'os.version': '1',
    'os.features': ['f'],
  });
  assert.deepEqual(normalizePlatform({ os: 'linux', architecture: 'arm' }), {
    os: 'linux',
    architecture: 'arm',
    variant: 'v7',
  });
  assert.deepEqual(normalizePlatform({ os: '', architecture: '' }), { os: '', architecture: '' });
  assert.deepEqual(normalizePlatform({ os: 'x', architecture: 'constructor', variant: 'toString' }), {
    os: 'x',
    architecture: 'constructor',
    variant: 'tostring',
  });
});

const pairs: ReadonlyArray<readonly [a: string, b: string, same: boolean]> = [
  ['linux/arm64', 'linux/arm64/v8', true],
  ['linux/arm', 'linux/arm/v7', true],
  ['linux/armhf', 'linux/arm/v7', true],
  ['linux/x86_64', 'linux/amd64', true],
  ['macos/arm64', 'darwin/arm64', true],
  ['linux/arm/v6', 'linux/arm/v7', false],
  ['linux/arm', 'linux/arm/v6', false],
  ['linux/amd64', 'linux/386', false],
  ['linux/amd64', 'windows/amd64', false],
  ['linux/amd64/v2', 'linux/amd64', false],
  ['linux/arm64/v9', 'linux/arm64', false],
];

for (const [a, b, same] of pairs) {
  test(`${a} and ${b} are ${same ? 'the same' : 'two platforms'}`, () => {
    const [one, other] = [parsePlatformOn(a, host), parsePlatformOn(b, host)];
    assert.equal(samePlatform(one, other), same);
    assert.equal(samePlatform(other, one), same);
  });
}

test('what is the same is the same whatever the version and the features', () => {
  const [a, b] = ['1', '2'].map(
    (version): Platform => ({ os: 'windows', architecture: 'amd64', 'os.version': version }),
  );
  assert.ok(a && b && samePlatform(a, b));
});

test('platform keys: every field counts, the order of features does not, nothing is normalised', () => {
  const base: Platform = { os: 'linux', architecture: 'arm', variant: 'v7' };
  const others: Platform[] = [
    { ...base, variant: 'v6' },
    { ...base, os: 'x' },
    { ...base, architecture: 'arm64' },
    { ...base, 'os.version': '1' },
    { ...base, 'os.features': ['a'] },
    { os: 'linux', architecture: 'arm' },
  ];
  assert.equal(new Set([base, ...others].map(platformKey)).size, 7);
  const features = ['b', 'a'];
  assert.equal(platformKey({ ...base, 'os.features': features }), platformKey({ ...base, 'os.features': ['a', 'b'] }));
  assert.deepEqual(features, ['b', 'a']);
  assert.equal(platformKey(undefined), platformKey({ os: '', architecture: '' }));
  assert.notEqual(platformKey({ os: 'arm64', architecture: '' }), platformKey({ os: '', architecture: 'arm64' }));
});

test('empty platforms', () => {
  assert.equal(isEmptyPlatform({ os: '', architecture: '' }), true);
  assert.equal(isEmptyPlatform({ os: '', architecture: '', variant: '', 'os.features': [], unknown: {} }), true);
  const said: Array<Partial<Platform>> = [
    { os: 'l' },
    { architecture: 'a' },
    { variant: 'v' },
    { 'os.version': '1' },
    { 'os.features': ['f'] },
    { features: ['f'] },
    { unknown: { x: 1 } },
  ];
  for (const one of said) assert.equal(isEmptyPlatform({ os: '', architecture: '', ...one }), false);
});

function probe(platform: string, arch: string, cpuInfo?: string): HostProbe {
  return {
    platform,
    arch,
    endianness: 'LE',
    cpuInfo: () => {
      if (cpuInfo === undefined) throw new Error('ENOENT');
      return cpuInfo;
    },
  };
}

const hosts: ReadonlyArray<readonly [probe: HostProbe, expected: string]> = [
  [probe('linux', 'x64'), 'linux/amd64'],
  [probe('linux', 'ia32'), 'linux/386'],
  [probe('linux', 's390x'), 'linux/s390x'],
  [probe('linux', 'riscv64'), 'linux/riscv64'],
  [probe('linux', 'ppc64'), 'linux/ppc64le'],
  [{ ...probe('linux', 'ppc64'), endianness: 'BE' }, 'linux/ppc64'],
  [probe('linux', 'mipsel'), 'linux/mipsle'],
  [probe('win32', 'x64'), 'windows/amd64'],
  [probe('win32', 'arm64'), 'windows/arm64/v8'],
  [probe('win32', 'arm'), 'windows/arm/v7'],
  [probe('darwin', 'arm64'), 'darwin/arm64/v8'],
  [probe('darwin', 'x64'), 'darwin/amd64'],
  [probe('freebsd', 'arm64', 'CPU architecture: 8'), 'freebsd/arm64'],
  [probe('sunos', 'x64'), 'solaris/amd64'],
  [probe('linux', 'arm64'), 'linux/arm64'],
  [probe('linux', 'x64', 'CPU architecture: 8'), 'linux/amd64'],
  [probe('linux', 'arm64', 'processor\t: 0\nCPU architecture: 8\n'), 'linux/arm64/v8'],
  [probe('linux', 'arm64', 'CPU architecture\t: AArch64\n'), 'linux/arm64/v8'],
  [probe('linux', 'arm', 'CPU architecture: 7\nmodel name\t: ARMv7 Processor rev 4 (v7l)\n'), 'linux/arm/v7'],
  [
    probe('linux', 'arm', 'model name\t: ARMv6-compatible processor rev 7 (v6l)\nCPU architecture: 7\n'),
    'linux/arm/v6',
  ],
  ...['7M', '?(12)', '?(13)', '?(14)', '?(15)', '?(16)', '?(17)'].map(
    (text) => [probe('linux', 'arm', `CPU architecture: ${text}\n`), 'linux/arm/v7'] as const,
  ),
  ...['6', '6TEJ'].map((text) => [probe('linux', 'arm', `CPU architecture: ${text}\n`), 'linux/arm/v6'] as const),
  ...['5', '5T', '5TE', '5TEJ'].map(
    (text) => [probe('linux', 'arm', `CPU architecture: ${text}\n`), 'linux/arm/v5'] as const,
  ),
  ...['4', '4T'].map((text) => [probe('linux', 'arm', `CPU architecture: ${text}\n`), 'linux/arm/v4'] as const),
  [probe('linux', 'arm', 'CPU architecture: 3'), 'linux/arm/v3'],
  [probe('linux', 'arm', 'CPU architecture: 2'), 'linux/arm'],
  [probe('linux', 'arm', 'nothing here'), 'linux/arm'],
];

test('the host in the words of Go, with its variant on arm', () => {
  for (const [machine, expected] of hosts) assert.equal(formatPlatform(hostPlatform(machine)), expected);
  assert.equal('variant' in hostPlatform(probe('linux', 'x64')), false);
});
