import assert from 'node:assert/strict';
import test from 'node:test';
import { Answer, translate } from '../src/acme.js';

function asked(sampling = {}) {
  const content = { tag: 'text', val: { text: 'Hi', citations: [] } };
  const messages = [{ role: 'user', parts: [{ content }] }];
  const output = { tag: 'text' };
  return { model: 'acme-1', messages, tools: [], output, modalities: [], metadata: [], extensions: [], sampling: { stop: [], ...sampling } };
}

const bytes = (text) => new TextEncoder().encode(text);

test('what acme can not say is warned of', () => {
  const { body, warnings } = translate(asked({ seed: 7n, topP: undefined, maxTokens: 5 }));
  assert.deepEqual(body, { model: 'acme-1', turns: [{ bot: false, text: 'Hi' }], limit: 5 });
  assert.deepEqual(warnings.map(({ field }) => field), ['sampling.seed']);
  assert.throws(() => translate(asked({ choices: 2 })), { param: 'sampling.choices' });
});

test('an answer is read as it comes', () => {
  const answer = new Answer('acme-1', []);
  const whole = bytes('data: {"text": "Grü"}\n');
  assert.equal(answer.read(whole.slice(0, 18)).length, 2);
  assert.equal(answer.read(whole.slice(18))[0].val.delta.val, 'Grü');
  assert.throws(() => answer.end(), { code: 'upstream' });
  const last = answer.read(bytes('data: {"done": "end", "in": 1, "out": 2}\n')).at(-1);
  assert.deepEqual(last, { tag: 'finished', val: { choice: 0, reason: { tag: 'stop' } } });
  answer.end();
});
