import assert from 'node:assert/strict';
import { homedir } from 'node:os';
import { join, resolve } from 'node:path';
import { test } from 'node:test';
import { storeDirectory } from '../../src/store/store.ts';

test('the store is where the environment says', () => {
  assert.equal(storeDirectory({ SHEAF_HOME: '/a/b', XDG_DATA_HOME: '/x', HOME: '/h' }), '/a/b');
  assert.equal(storeDirectory({ SHEAF_HOME: 'relative' }), resolve('relative'));
  assert.equal(storeDirectory({ XDG_DATA_HOME: '/x', HOME: '/h' }), '/x/sheaf');
  assert.equal(storeDirectory({ SHEAF_HOME: '', XDG_DATA_HOME: 'relative', HOME: '/h' }), '/h/.local/share/sheaf');
  assert.equal(storeDirectory({ HOME: '/h' }), '/h/.local/share/sheaf');
  assert.equal(storeDirectory({}), join(homedir(), '.local/share/sheaf'));
});
