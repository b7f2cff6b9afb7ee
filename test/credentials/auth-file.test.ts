import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  encodeEntry,
  type LookupStep,
  lookupSteps,
  parseAuthFile,
  withEntry,
  withoutEntries,
  withoutEntry,
} from '../../src/credentials/auth-file.ts';
import { UsageError } from '../../src/foundation/errors.ts';
import { authOf } from './support.ts';

/** What a lookup would do, in short: `user@key`, `?key: why`, `member:helper`. */
function steps(content: unknown, host: string, repository: string, format: 'auths' | 'dockercfg' = 'auths'): string[] {
  const text = typeof content === 'string' ? content : JSON.stringify(content);
  return lookupSteps(parseAuthFile(text, 'the file', format), host, repository).map(inShort);
}

function inShort(step: LookupStep): string {
  if (step.kind === 'helper') return `${step.member}:${step.name}${step.final ? '!' : ''}`;
  if ('why' in step) return `?${step.key}: ${step.why}`;
  const { credentials: found } = step;
  return found.kind === 'basic'
    ? `${found.username}/${found.password}@${step.key}`
    : `${found.kind} ${found.token}@${step.key}`;
}

const login = (user: string, password = 'p') => ({ auth: authOf(user, password) });
const namespaces = {
  auths: {
    'quay.io': login('registry'),
    'quay.io/team': login('team'),
    'quay.io/team/app': login('app'),
    'quay.io/te': login('te'),
  },
};

const lookups: Array<[string, unknown, string, string, string[]]> = [
  [
    'the repository before its namespace before the registry',
    namespaces,
    'quay.io',
    'team/app',
    ['app/p@quay.io/team/app', 'registry/p@quay.io'],
  ],
  ['the namespace', namespaces, 'quay.io', 'team/other', ['team/p@quay.io/team', 'registry/p@quay.io']],
  ['the registry; a namespace matches whole parts only', namespaces, 'quay.io', 'tea/x', ['registry/p@quay.io']],
  ['another port is another registry', namespaces, 'quay.io:5000', 'team/app', []],
  ['a suffix of the host is another registry', namespaces, 'evil-quay.io', 'team/app', []],
  ['nothing in an empty file', '', 'quay.io', 'x', []],
  ['nothing in a file that holds null', ' null\n', 'quay.io', 'x', []],
  ['names in other letter case', { Auths: { r: { AUTH: authOf('u', 'p') } } }, 'r', 'x', ['u/p@r']],
  ['a token in other letter case', { AUTHS: { r: { IdentityToken: 't' } } }, 'r', 'x', ['identity-token t@r']],
  ['helpers in other letter case', { CredsStore: 's', credhelpers: { r: 'h' } }, 'r', 'x', ['credHelpers:h!']],
  [
    'doubled auths as one',
    `{"auths":{"r":${JSON.stringify(login('u'))},"q":{}},"Auths":{"q":${JSON.stringify(login('v'))}},"auths":{}}`,
    'q',
    'x',
    ['v/p@q'],
  ],
  [
    'the last of doubled entries',
    `{"auths":{"r":${JSON.stringify(login('old'))}},"auths":{"r":${JSON.stringify(login('new'))}}}`,
    'r',
    'x',
    ['new/p@r'],
  ],
  ['null for auths', { auths: null, credHelpers: null }, 'quay.io', 'x', []],
  ['a byte order mark', `\uFEFF${JSON.stringify(namespaces)}`, 'quay.io', 'x', ['registry/p@quay.io']],
  [
    'the URL key of Docker Hub',
    { auths: { 'https://index.docker.io/v1/': login('hub') } },
    'docker.io',
    'library/x',
    ['hub/p@https://index.docker.io/v1/'],
  ],
  [
    'any name of Docker Hub, asked by any',
    { auths: { 'registry-1.docker.io': login('hub') } },
    'index.docker.io',
    'library/x',
    ['hub/p@registry-1.docker.io'],
  ],
  [
    'docker.io before the URL',
    { auths: { 'https://index.docker.io/v1/': login('url'), 'docker.io': login('name') } },
    'docker.io',
    'library/x',
    ['name/p@docker.io'],
  ],
  [
    'a namespace of Docker Hub',
    { auths: { 'docker.io/team': login('team') } },
    'registry-1.docker.io',
    'team/x',
    ['team/p@docker.io/team'],
  ],
  [
    'http URL with a path',
    { auths: { 'http://r.example:80/v2/': login('url') } },
    'r.example:80',
    'x',
    ['url/p@http://r.example:80/v2/'],
  ],
  [
    'a URL with another path is no namespace',
    { auths: { 'https://r.example/team': login('url') } },
    'r.example',
    'other/x',
    ['url/p@https://r.example/team'],
  ],
  [
    'an identity token wins over auth',
    { auths: { r: { ...login('u'), identitytoken: 't' } } },
    'r',
    'x',
    ['identity-token t@r'],
  ],
  ['a registry token', { auths: { r: { registrytoken: 't' } } }, 'r', 'x', ['bearer t@r']],
  ['user name and password in the open', { auths: { r: { username: 'u', password: 'p' } } }, 'r', 'x', ['u/p@r']],
  [
    'auth wins over user name and password',
    { auths: { r: { ...login('a'), username: 'u', password: 'p' } } },
    'r',
    'x',
    ['a/p@r'],
  ],
  ['colons in the password', { auths: { r: login('u', ':a:b:') } }, 'r', 'x', ['u/:a:b:@r']],
  ['trailing NULs of docker on Windows', { auths: { r: login('u', 'p\0\0') } }, 'r', 'x', ['u/p@r']],
  ['UTF-8', { auths: { r: login('ü', 'ß€') } }, 'r', 'x', ['ü/ß€@r']],
  ['an empty password', { auths: { r: login('u', '') } }, 'r', 'x', ['u/@r']],
  ['an empty marker', { auths: { r: {} } }, 'r', 'x', ['?r: the entry is empty: its secret is kept elsewhere']],
  [
    'no colon',
    { auths: { r: { auth: btoa('nocolon') } } },
    'r',
    'x',
    ['?r: its "auth" has no colon between user name and password'],
  ],
  ['no user', { auths: { r: login('') } }, 'r', 'x', ['?r: its "auth" has no user name']],
  ['not base64', { auths: { r: { auth: 'a:b' } } }, 'r', 'x', ['?r: its "auth" is not base64']],
  ['entries of the wrong type', { auths: { r: 'text', s: null } }, 'r', 'x', ['?r: the entry is not an object']],
  [
    "the registry's own helper, and nothing after it",
    { ...namespaces, credHelpers: { 'quay.io': 'own' }, credsStore: 'store' },
    'quay.io',
    'team/app',
    ['credHelpers:own!'],
  ],
  [
    'the helper of Docker Hub by its URL',
    { credHelpers: { 'https://index.docker.io/v1/': 'own' } },
    'docker.io',
    'library/x',
    ['credHelpers:own!'],
  ],
  [
    'the general helper between namespaces and registry',
    { ...namespaces, credsStore: 'store' },
    'quay.io',
    'team/app',
    ['app/p@quay.io/team/app', 'credsStore:store', 'registry/p@quay.io'],
  ],
  ['helpers of other registries', { credHelpers: { 'gcr.io': 'gcr' } }, 'quay.io', 'x', []],
  ['helpers that are no names', { credHelpers: { 'quay.io': 1 }, credsStore: {} }, 'quay.io', 'x', []],
  ['an entry named like a member of every object', { auths: {} }, 'constructor', 'toString', []],
];

for (const [name, content, host, repository, expected] of lookups) {
  test(`lookup: ${name}`, () => assert.deepEqual(steps(content, host, repository), expected));
}

test('lookup: .dockercfg holds registries only, under API URLs', () => {
  const content = { 'https://index.docker.io/v1/': login('hub'), 'r.example/v1/': login('r'), 's/team': login('s') };
  assert.deepEqual(steps(content, 'docker.io', 'x', 'dockercfg'), ['hub/p@https://index.docker.io/v1/']);
  assert.deepEqual(steps(content, 'r.example', 'x', 'dockercfg'), ['r/p@r.example/v1/']);
  assert.deepEqual(steps(content, 's', 'team', 'dockercfg'), ['s/p@s/team']);
});

test('a malformed file is an error that names it and does not quote it', () => {
  for (const text of ['{"auths": {"r": {"auth": "c2Vj', '[]', '"x"', '{"auths": []}', '{"credHelpers": "x"}']) {
    assert.throws(
      () => parseAuthFile(text, '/home/me/auth.json'),
      (thrown: unknown) => {
        assert.ok(thrown instanceof UsageError);
        assert.equal(thrown.code, 'AUTH_FILE_MALFORMED');
        assert.match(thrown.message, /^\/home\/me\/auth\.json is not a file of credentials: /);
        assert.doesNotMatch(thrown.message, /c2Vj/);
        return true;
      },
      text,
    );
  }
});

test('an entry is added and everything else keeps its bytes', () => {
  const before = `{
    "auths": {
        "ghcr.io": { "auth": "YTpi",   "email": "x" }
    },
    "HttpHeaders": {"User-Agent": "x"},
    "big": 12345678901234567890
}
`;
  const after = withEntry(before, 'f', 'quay.io/team', { auth: 'Yzpk' });
  assert.equal(
    after,
    before.replace(
      '"email": "x" }\n',
      '"email": "x" },\n        "quay.io/team": {\n            "auth": "Yzpk"\n        }\n',
    ),
  );
  assert.equal(withoutEntry(after, 'f', 'quay.io/team'), before);
});

test('a new file looks as podman writes it', () => {
  const entry = encodeEntry({ kind: 'basic', username: 'a', password: 'b' });
  assert.equal(
    withEntry('', 'f', 'quay.io', entry),
    '{\n\t"auths": {\n\t\t"quay.io": {\n\t\t\t"auth": "YTpi"\n\t\t}\n\t}\n}\n',
  );
});

test('a new login replaces every field that can hold an older one, and keeps the others', () => {
  const before = '{"auths":{"r":{"email":"e","identitytoken":"old","username":"u","password":"p"}}}';
  assert.equal(withEntry(before, 'f', 'r', { auth: 'YTpi' }), '{"auths":{"r":{"email":"e","auth":"YTpi"}}}');
  assert.equal(withEntry('{"auths":{"r":null}}', 'f', 'r', { auth: 'YTpi' }), '{"auths":{"r":{"auth":"YTpi"}}}');
});

test('beside a token, a login is for registries that take none; a name alone is no login', () => {
  const credentialsIn = (entry: object): unknown => {
    const [step] = lookupSteps(parseAuthFile(JSON.stringify({ auths: { r: entry } }), 'f'), 'r', 'x');
    return step?.kind === 'credentials' ? step.credentials : step;
  };
  const beside = { login: { username: 'u', password: 'p' } };
  assert.deepEqual(credentialsIn({ ...login('u'), identitytoken: 't' }), {
    kind: 'identity-token',
    token: 't',
    ...beside,
  });
  assert.deepEqual(credentialsIn({ ...login('u'), registrytoken: 't' }), { kind: 'bearer', token: 't', ...beside });
  assert.deepEqual(credentialsIn({ ...login('u', ''), identitytoken: 't' }), { kind: 'identity-token', token: 't' });
  assert.deepEqual(credentialsIn({ auth: 'a:b', identitytoken: 't' }), { kind: 'identity-token', token: 't' });
});

test('names in other letter case and doubled members are changed, and go', () => {
  const before = '{"Auths":{"r":{"Email":"e","IdentityToken":"old","Auth":"b2xkOm9sZA=="}}}';
  const after = withEntry(before, 'f', 'r', { auth: 'YTpi' });
  assert.equal(after, '{"Auths":{"r":{"Email":"e","auth":"YTpi"}}}');
  assert.equal(withoutEntry(after, 'f', 'r'), '{"Auths":{}}');
  const doubled = '{"auths":{"r":{"auth":"b2xkOm9sZA=="}},"x":1,"auths":{"q":{}}}';
  const changed = withEntry(doubled, 'f', 'r', { auth: 'YTpi' });
  assert.deepEqual(steps(changed, 'r', 'x'), ['a/b@r']);
  assert.equal(withoutEntry(changed, 'f', 'r'), '{"auths":{},"x":1,"auths":{"q":{}}}');
  assert.equal(withoutEntries('{"auths":{"r":{}},"x":1,"Auths":{},"auths":{}}'), '{"x":1}');
  assert.equal(withEntry('null', 'f', 'r', { auth: 'YTpi' }), withEntry('', 'f', 'r', { auth: 'YTpi' }));
});

test('all spellings of one registry change and go together', () => {
  const before = '{"auths":{"https://index.docker.io/v1/":{"auth":"b2xkOm9sZA=="},"index.docker.io/team":{}}}';
  const after = withEntry(before, 'f', 'docker.io', { auth: 'YTpi' });
  assert.deepEqual(JSON.parse(after), {
    auths: {
      'https://index.docker.io/v1/': { auth: 'YTpi' },
      'index.docker.io/team': {},
      'docker.io': { auth: 'YTpi' },
    },
  });
  assert.deepEqual(JSON.parse(withoutEntry(after, 'f', 'docker.io')), { auths: { 'index.docker.io/team': {} } });
});

test('credentials of each kind are found again as they were written', () => {
  for (const credentials of [
    { kind: 'basic', username: 'ü', password: 'a:b' },
    { kind: 'identity-token', token: 't' },
    { kind: 'bearer', token: 'b' },
  ] as const) {
    const text = withEntry('', 'f', 'r.example', encodeEntry(credentials));
    const [step] = lookupSteps(parseAuthFile(text, 'f'), 'r.example', 'x');
    assert.deepEqual(step, { kind: 'credentials', key: 'r.example', credentials });
  }
});
