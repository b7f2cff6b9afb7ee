import assert from 'node:assert/strict';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { it } from 'node:test';
import { surelyAllowsAll } from '../../../src/signing/policy/policy-files.ts';
import { testFolder } from '../../support/folders.ts';

const allow = [{ type: 'insecureAcceptAnything' }];

it('only what cannot but allow everything is taken for that', async (t) => {
  const folder = await testFolder(t);
  const places = {
    env: {},
    homeDir: join(folder, 'home'),
    systemDir: join(folder, 'etc'),
    shareDir: join(folder, 'share'),
  };
  assert.equal(await surelyAllowsAll(places), true, 'no policy');
  const file = join(folder, 'etc', 'containers', 'policy.json');
  await mkdir(join(folder, 'etc', 'containers'), { recursive: true });
  const cases: ReadonlyArray<readonly [string | object, boolean]> = [
    [{ default: allow }, true],
    [{ default: allow, transports: { 'docker-daemon': { '': allow } } }, true],
    [{ default: allow, transports: { docker: { '': allow, 'quay.io': allow } } }, true],
    [{ default: allow, transports: { dir: { relative: allow } } }, false],
    [{ default: allow, transports: [] }, false],
    ['{"default":[{"type":"insecureAcceptAnything"}],"transports":{"docker":{},"docker":{}}}', false],
    [
      '{"default":[{"type":"insecureAcceptAnything"}],"transports":{"a":{"b":[{"type":"insecureAcceptAnything"}],"b" :[{"type":"insecureAcceptAnything"}]}}}',
      false,
    ],
    [{ default: [{ type: 'reject' }] }, false],
    [{ default: allow, transports: { docker: { 'quay.io': [{ type: 'signedBy', keyType: 'GPGKeys' }] } } }, false],
    [{ default: [...allow, { type: 'reject' }] }, false],
    [{ default: [] }, false],
    [{ default: allow, transports: { docker: { 'quay.io': [] } } }, false],
    [{ default: [{ type: 'insecureAcceptAnything', more: 1 }] }, false],
    [{ transports: {} }, false],
    [{ default: allow, unknown: allow }, false],
    [{ default: { a: allow } }, false],
    ['{"default":[{"type":"insecureAcceptAnything"}],"default":[{"type":"insecureAcceptAnything"}]}', false],
    ['{"default":[{"type":"insecureAcceptAnything"}],"default":[{"type":"reject"}]}', false],
    ['{"default":[{"type":"rejec\\u0074"}],"default":[{"type":"insecureAcceptAnything"}]}', false],
    ['{"default":[{"type":"reject","type":"insecureAcceptAnything"}]}', false],
    ['{"default":[{"type":"insecureAcceptAnything"}]', false],
    ['', false],
  ];
  for (const [content, expected] of cases) {
    const text = typeof content === 'string' ? content : JSON.stringify(content);
    await writeFile(file, text);
    assert.equal(await surelyAllowsAll(places), expected, text);
  }
  assert.equal(
    await surelyAllowsAll({ ...places, file: join(folder, 'none.json') }),
    false,
    'a named one must be there',
  );
});
