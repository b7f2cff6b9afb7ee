import assert from 'node:assert/strict';
import { test } from 'node:test';
import { UsageError } from '../../src/foundation/errors.ts';
import { mergeRegistriesConf, parseRegistriesConf } from '../../src/registry-config/registries-conf.ts';
import type { RegistriesConfig } from '../../src/registry-config/registries-config.ts';
import { findRegistry, isInsecure, pullSources, refuseBlocked } from '../../src/registry-config/resolve-registry.ts';
import { isShortName, resolveShortName } from '../../src/registry-config/short-names.ts';

/** The configuration of files in their order. */
function config(...texts: string[]): RegistriesConfig {
  return mergeRegistriesConf(texts.map((text, at) => parseRegistriesConf(text, `${at}.conf`)));
}

const table = (
  fields: Record<string, string | boolean>,
  mirrors: Array<Record<string, string | boolean>> = [],
): string => {
  const lines = (of: Record<string, string | boolean>): string[] =>
    Object.entries(of).map(([key, value]) => `${key} = ${JSON.stringify(value)}`);
  return [
    '[[registry]]',
    ...lines(fields),
    ...mirrors.flatMap((mirror) => ['[[registry.mirror]]', ...lines(mirror)]),
  ].join('\n');
};

test('every key of the format', () => {
  const found = config(`
    unqualified-search-registries = ["docker.io", "quay.io/"]
    credential-helpers = ["containers-auth.json", "secretservice"]
    short-name-mode = "enforcing"
    additional-layer-store-auth-helper = "x"
    [aliases]
    "ubi" = "registry.example/ubi"
    [[registry]]
    prefix = "quay.io/team/"
    location = "mirror.example:5000/team"
    insecure = true
    blocked = false
    [[registry.mirror]]
    location = "m1.example"
    insecure = true
    pull-from-mirror = "tag-only"
    [[registry.mirror]]
    location = "m2.example/x"
  `);
  assert.deepEqual(found, {
    searchRegistries: ['docker.io', 'quay.io'],
    credentialHelpers: ['containers-auth.json', 'secretservice'],
    shortNameMode: 'enforcing',
    aliases: new Map([['ubi', 'registry.example/ubi']]),
    registries: [
      {
        prefix: 'quay.io/team',
        location: 'mirror.example:5000/team',
        insecure: true,
        blocked: false,
        mirrors: [
          { location: 'm1.example', insecure: true, use: 'tag-only' },
          { location: 'm2.example/x', insecure: false, use: 'all' },
        ],
        origin: '0.conf',
      },
    ],
    unknownKeys: [],
  });
});

test('files in order: registries by prefix, lists as a whole, aliases one by one', () => {
  const found = config(
    `unqualified-search-registries = ["a"]\ncredential-helpers = ["h"]\nshort-name-mode = "disabled"\n[aliases]\nx = "r.io/x"\ny = "r.io/y"\n${table({ location: 'one.io' })}\n${table({ location: 'two.io' })}`,
    `unqualified-search-registries = []\n[aliases]\nx = ""\ny = "s.io/y"\n${table({ prefix: 'one.io', location: 'other.io', insecure: true })}`,
  );
  assert.deepEqual(found.searchRegistries, []);
  assert.deepEqual(found.credentialHelpers, ['h']);
  assert.equal(found.shortNameMode, 'disabled');
  assert.deepEqual(found.aliases, new Map([['y', 's.io/y']]));
  assert.deepEqual(
    found.registries.map(({ prefix, location, origin }) => [prefix, location, origin]),
    [
      ['one.io', 'other.io', '1.conf'],
      ['two.io', 'two.io', '0.conf'],
    ],
  );
});

test('nothing at all', () => {
  assert.deepEqual(config(), config(''));
  assert.equal(config().shortNameMode, 'permissive');
  assert.equal(config().credentialHelpers, undefined);
});

test('keys that nobody knows are told with file and table', () => {
  const found = config(
    `unqualified-search-registeries = []\n${table({ location: 'r.io', insecur: true }, [{ location: 'm', x: true }])}`,
  );
  assert.deepEqual(found.unknownKeys, [
    '0.conf: unqualified-search-registeries',
    '0.conf: registry[0].insecur',
    '0.conf: registry[0].mirror[0].x',
  ]);
});

const invalid: Array<[string, string, RegExp]> = [
  ['no TOML', 'x = ', /it is not TOML/],
  ['version 1', '[registries.search]\nregistries = ["x"]', /\[registries\.\*\] is version 1 of the format/],
  ['neither prefix nor location', table({ insecure: true }), /registry\[0\] has neither prefix nor location/],
  ['a prefix without location', table({ prefix: 'r.io' }), /registry\[0\] \(r\.io\) has no location/],
  ['a scheme', table({ location: 'https://r.io' }), /registry\[0\]\.location "https:\/\/r\.io" has a scheme/],
  ['a scheme among the search registries', 'unqualified-search-registries = ["http://x"]', /has a scheme/],
  [
    'a wildcard as location',
    table({ prefix: '*.r.io', location: '*.s.io' }),
    /registry\[0\]\.location must not hold a wildcard/,
  ],
  [
    'a wildcard in the middle',
    table({ prefix: 'a.*.io', location: 'x' }),
    /has a wildcard elsewhere than as its first label/,
  ],
  [
    'both ways to say digest only',
    table({ location: 'r.io', 'mirror-by-digest-only': true }, [{ location: 'm', 'pull-from-mirror': 'all' }]),
    /registry\[0\]\.mirror\[0\] sets pull-from-mirror beside/,
  ],
  [
    'an unknown use of a mirror',
    table({ location: 'r.io' }, [{ location: 'm', 'pull-from-mirror': 'never' }]),
    /pull-from-mirror "never" is none of all, digest-only, tag-only/,
  ],
  [
    'a mirror without location',
    table({ location: 'r.io' }, [{ insecure: true }]),
    /registry\[0\]\.mirror\[0\] has no location/,
  ],
  ['an unknown mode', 'short-name-mode = "ask"', /short-name-mode "ask" is none of enforcing, permissive, disabled/],
  ['a text that is none', 'short-name-mode = 1', /short-name-mode is not a text/],
  [
    'a flag that is none',
    table({ location: 'r.io', blocked: 'yes' }),
    /registry\[0\]\.blocked is neither true nor false/,
  ],
  [
    'a list that is none',
    'unqualified-search-registries = "x"',
    /unqualified-search-registries is not a list of texts/,
  ],
  ['a list of other things', 'credential-helpers = [1]', /credential-helpers is not a list of texts/],
  ['a registry that is no table', 'registry = ["x"]', /registry is not a list of \[\[registry\]\] tables/],
  ['one table in place of a list', '[registry]\nlocation = "x"', /registry is not a list of/],
  ['aliases that are no table', 'aliases = 1', /aliases is not a table/],
  [
    'an alias with a tag',
    '[aliases]\n"x:1" = "r.io/x"',
    /aliases\."x:1" is not a name without registry, tag and digest/,
  ],
  [
    'an alias that is a full name',
    '[aliases]\n"r.io/x" = "r.io/x"',
    /aliases\."r\.io\/x" is not a name without registry/,
  ],
  ['an alias of a short name', '[aliases]\nx = "y"', /aliases\."x" = "y" is not a name with registry/],
  [
    'an alias with a tag in its value',
    '[aliases]\nx = "r.io/x:1"',
    /is not a name with registry and without tag and digest/,
  ],
  [
    'an alias with a digest in its value',
    '[aliases]\nx = "r.io/x@sha256:0"',
    /is not a name with registry and without tag and digest/,
  ],
];

for (const [name, text, expected] of invalid) {
  test(`invalid: ${name}`, () => {
    assert.throws(
      () => config(text),
      (thrown: unknown) => {
        assert.ok(thrown instanceof UsageError);
        assert.equal(thrown.code, 'REGISTRIES_CONF_INVALID');
        assert.match(thrown.message, /^0\.conf cannot be used: /);
        assert.match(thrown.message, expected);
        return true;
      },
    );
  });
}

test('invalid: one location with two minds, in one file and across files', () => {
  const secure = table({ prefix: 'a.io', location: 'r.io' });
  for (const setting of ['insecure', 'blocked']) {
    const other = table({ prefix: 'b.io', location: 'r.io', [setting]: true });
    assert.throws(
      () => config(`${secure}\n${other}`),
      new RegExp(`"r\\.io" is defined more than once with different "${setting}" in 0\\.conf$`),
    );
    assert.throws(() => config(secure, other), new RegExp(`different "${setting}" in 0\\.conf and 1\\.conf$`));
  }
});

const prefixes = config(
  ['r.io', 'r.io/team', 'r.io/team/app', 'r.io:5000', '*.wild.io', '*.deep.wild.io', 'r.io/team/app:tag']
    .map((prefix) => table({ prefix, location: 'x.io' }))
    .join('\n'),
);
const matches: Array<[string, string | undefined]> = [
  ['r.io/x:1', 'r.io'],
  ['r.io/teams/x:1', 'r.io'],
  ['r.io/team/x:1', 'r.io/team'],
  ['r.io/team:1', 'r.io/team'],
  ['r.io/team@sha256:0', 'r.io/team'],
  ['r.io/team/app:1', 'r.io/team/app'],
  ['r.io/team/app:tag', 'r.io/team/app:tag'],
  ['r.io/team/app:tags', 'r.io/team/app'],
  ['r.io:5000/x', 'r.io:5000'],
  ['r.io:5001/x', 'r.io'],
  ['r.io', 'r.io'],
  ['r.iox/x', undefined],
  ['other.io/r.io/x', undefined],
  ['a.wild.io/x', '*.wild.io'],
  ['a.b.wild.io:5000/x', '*.wild.io'],
  ['a.deep.wild.io/x', '*.deep.wild.io'],
  ['wild.io/x', undefined],
  ['.wild.io/x', undefined],
  ['a.wild.iox/x', undefined],
  ['r2.io/a.wild.io/x', undefined],
];

for (const [reference, expected] of matches) {
  test(`match: ${reference}`, () => assert.equal(findRegistry(prefixes, reference)?.prefix, expected));
}

const sources = (text: string, reference: string): string[] =>
  pullSources(config(text), reference).map(
    (source) => `${source.reference}${source.insecure ? ' insecure' : ''}${source.primary ? '' : ' mirror'}`,
  );

const mirrors = table({ prefix: 'docker.io', location: 'docker.io' }, [
  { location: 'all.io/hub', insecure: true },
  { location: 'digest.io', 'pull-from-mirror': 'digest-only' },
  { location: 'tag.io:80', 'pull-from-mirror': 'tag-only' },
]);
const pulls: Array<[string, string, string, string[]]> = [
  ['nothing is configured', '', 'r.io/x:1', ['r.io/x:1']],
  [
    'the location takes the place of the prefix',
    table({ prefix: 'r.io/a', location: 's.io:5000/b/c', insecure: true }),
    'r.io/a/x:1',
    ['s.io:5000/b/c/x:1 insecure'],
  ],
  [
    'a wildcard with a location',
    table({ prefix: '*.r.io', location: 's.io/cache' }),
    'x.y.r.io:5000/x@sha256:0',
    ['s.io/cache:5000/x@sha256:0'],
  ],
  [
    'a wildcard without a location rewrites nothing',
    table({ prefix: '*.r.io', insecure: true }),
    'x.r.io/x:1',
    ['x.r.io/x:1 insecure'],
  ],
  [
    'mirrors for a tag, in their order, then the registry',
    mirrors,
    'docker.io/library/x:1',
    ['all.io/hub/library/x:1 insecure mirror', 'tag.io:80/library/x:1 mirror', 'docker.io/library/x:1'],
  ],
  [
    'mirrors for a digest',
    mirrors,
    'docker.io/library/x@sha256:0',
    [
      'all.io/hub/library/x@sha256:0 insecure mirror',
      'digest.io/library/x@sha256:0 mirror',
      'docker.io/library/x@sha256:0',
    ],
  ],
  [
    'mirror-by-digest-only and a tag',
    table({ location: 'r.io', 'mirror-by-digest-only': true }, [{ location: 'm.io' }]),
    'r.io/x:1',
    ['r.io/x:1'],
  ],
  [
    'mirror-by-digest-only and a digest',
    table({ location: 'r.io', 'mirror-by-digest-only': true }, [{ location: 'm.io' }]),
    'r.io/x@sha256:0',
    ['m.io/x@sha256:0 mirror', 'r.io/x@sha256:0'],
  ],
];

for (const [name, text, reference, expected] of pulls) {
  test(`pull: ${name}`, () => assert.deepEqual(sources(text, reference), expected));
}

test('a blocked registry is refused by pull and push, with the file that says so', () => {
  const blocked = config(table({ prefix: 'r.io/bad', location: 'r.io/bad', blocked: true }));
  for (const use of [pullSources, refuseBlocked]) {
    assert.throws(() => use(blocked, 'r.io/bad/x:1'), {
      code: 'REGISTRY_BLOCKED',
      message: /^registry r\.io\/bad is blocked in 0\.conf/,
    });
    use(blocked, 'r.io/good/x:1');
  }
});

test('insecure by the longest prefix', () => {
  const found = config(`${table({ location: 'r.io', insecure: true })}\n${table({ location: 'r.io/safe' })}`);
  assert.equal(isInsecure(found, 'r.io/x:1'), true);
  assert.equal(isInsecure(found, 'r.io'), true);
  assert.equal(isInsecure(found, 'r.io/safe/x:1'), false);
  assert.equal(isInsecure(found, 's.io/x:1'), false);
});

const names = `unqualified-search-registries = ["docker.io", "quay.io:443/proxy"]\n[aliases]\n"ubi" = "registry.example/ubi9"\n"team/app" = "r.io/a/b"`;
const resolutions: Array<[string, string[]]> = [
  ['ubi:9', ['registry.example/ubi9:9']],
  ['ubi@sha256:0', ['registry.example/ubi9@sha256:0']],
  ['ubi:9@sha256:0', ['registry.example/ubi9:9@sha256:0']],
  ['team/app', ['r.io/a/b']],
  ['busybox', ['docker.io/library/busybox', 'quay.io:443/proxy/busybox']],
  ['team/other:1', ['docker.io/team/other:1', 'quay.io:443/proxy/team/other:1']],
];

for (const [name, expected] of resolutions) {
  test(`short name: ${name}`, () => assert.deepEqual(resolveShortName(config(names), name)?.candidates, expected));
}

test('short name: which names are short', () => {
  const short = ['x', 'x:1', 'team/x', 'x@sha256:0', 'host-x/y'];
  const full = ['r.io/x', 'localhost/x', 'host:5000/x', '[::1]/x'];
  assert.deepEqual([...short, ...full].filter(isShortName), short);
});

test('short name: nothing is configured', () => assert.equal(resolveShortName(config(), 'x'), undefined));

test('short name: enforcing needs somebody to ask when there is a choice', () => {
  const enforcing = config(`short-name-mode = "enforcing"\n${names}`);
  assert.throws(() => resolveShortName(enforcing, 'x:1'), {
    code: 'SHORT_NAME_AMBIGUOUS',
    message: '"x:1" could be any of docker.io/library/x:1, quay.io:443/proxy/x:1, and there is nobody to ask',
  });
  assert.equal(resolveShortName(enforcing, 'x:1', { interactive: true })?.candidates.length, 2);
  assert.deepEqual(resolveShortName(enforcing, 'ubi')?.candidates, ['registry.example/ubi9']);
  const one = config('short-name-mode = "enforcing"\nunqualified-search-registries = ["r.io"]');
  assert.deepEqual(resolveShortName(one, 'x')?.candidates, ['r.io/x']);
});
