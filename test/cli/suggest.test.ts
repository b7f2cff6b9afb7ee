import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { nearest } from '../../src/cli/suggest.ts';

const commands = ['manifest add', 'manifest annotate', 'manifest create', 'manifest rm', 'manifest remove', 'login'];

describe('nearest', () => {
  it('finds what a slip of the finger meant', () => {
    assert.equal(nearest('manifest crate', commands), 'manifest create');
    assert.equal(nearest('manifest anotate', commands), 'manifest annotate');
    assert.equal(nearest('mainfest add', commands), 'manifest add');
    assert.equal(nearest('lgoin', commands), 'login');
  });

  it('finds what was begun', () => {
    assert.equal(nearest('log', commands), 'login');
  });

  it('says nothing where nothing is near', () => {
    assert.equal(nearest('compose up', commands), undefined);
    assert.equal(nearest('x', []), undefined);
  });
});
