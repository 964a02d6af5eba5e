import assert from 'node:assert/strict';
import test from 'node:test';
import { count, Wrong } from '../src/count.js';

test('characters are not bytes', () => {
  assert.deepEqual(count('Grüße, Welt\n😀 ✓'), { characters: 15, words: 4, lines: 2 });
});

test('nothing is refused', () => {
  assert.throws(() => count(''), Wrong);
});
