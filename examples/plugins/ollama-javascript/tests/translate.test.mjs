import assert from 'node:assert/strict';
import test from 'node:test';
import { Answer, toOllama } from '../src/translate.js';

const text = (words) => ({ content: { tag: 'text', val: { text: words, citations: [] } } });

function asked(more = {}, sampling = {}) {
  return {
    model: 'llama',
    messages: [{ role: 'user', parts: [text('Hi')] }],
    tools: [],
    output: { tag: 'text' },
    modalities: [],
    metadata: [],
    extensions: [],
    sampling: { stop: [], ...sampling },
    ...more,
  };
}

const bytes = (words) => new TextEncoder().encode(words);
const lines = (...said) => bytes(said.map((line) => JSON.stringify(line) + '\n').join(''));

test('a conversation with tools and images is written as Ollama wants it', () => {
  const call = { content: { tag: 'tool-call', val: { id: 'c', name: 'look', arguments: '{"at": 1}', byProvider: false } } };
  const result = { tag: 'tool-result', val: { callId: 'c', name: 'look', content: [{ tag: 'text', val: 'seen' }], isError: true } };
  const image = { content: { tag: 'image', val: { source: { tag: 'bytes', val: Uint8Array.of(1, 2, 255) } } } };
  const { body } = toOllama(
    asked({
      messages: [
        { role: 'developer', parts: [text('Be brief.')] },
        { role: 'user', parts: [text('What is this?'), image] },
        { role: 'assistant', parts: [call] },
        { role: 'tool', parts: [{ content: result }] },
      ],
    }),
  );
  assert.deepEqual(body.messages, [
    { role: 'system', content: 'Be brief.' },
    { role: 'user', content: 'What is this?', images: ['AQL/'] },
    { role: 'assistant', content: '', tool_calls: [{ function: { name: 'look', arguments: { at: 1 } } }] },
    { role: 'tool', tool_name: 'look', content: 'Error: seen' },
  ]);
});

test('what Ollama can not say is warned of or refused', () => {
  const { body, warnings } = toOllama(asked({ user: 'ann', verbosity: 'low' }, { seed: 7n, temperature: 0.5, logprobs: 2 }));
  assert.deepEqual(JSON.parse(JSON.stringify(body.options)), { seed: 7, temperature: 0.5 });
  assert.deepEqual(warnings.map(({ field }) => field).sort(), ['sampling.logprobs', 'user', 'verbosity']);
  assert.throws(() => toOllama(asked({}, { choices: 2 })), { param: 'sampling.choices' });
  assert.throws(() => toOllama(asked({ tools: [{ tag: 'provider', val: { kind: 'web_search' } }] })), { param: 'tools' });
});

test('an answer is read as it comes', () => {
  const answer = new Answer([{ field: 'user', message: 'no' }], () => 'call_1');
  const whole = lines({ model: 'llama', message: { thinking: 'Hm' } }, { message: { content: 'Grü' } });
  const cut = whole.length - 5;
  const tags = [...answer.read(whole.slice(0, cut)), ...answer.read(whole.slice(cut))].map(({ tag }) => tag);
  assert.deepEqual(tags, ['started', 'warning', 'part-started', 'part-delta', 'part-ended', 'part-started', 'part-delta']);
  const call = { function: { name: 'look', arguments: { at: 1 } } };
  const rest = answer.read(lines({ message: { tool_calls: [call] } }, { done: true, done_reason: 'stop', eval_count: 3 }));
  assert.equal(rest[2].val.delta.val, '{"at":1}');
  assert.deepEqual(rest.at(-1).val.reason, { tag: 'tool-calls' });
  assert.deepEqual(answer.end(), []);
});

test('an answer that breaks off, or is an error, is one', () => {
  const answer = new Answer([], () => 'id');
  answer.read(lines({ message: { content: 'a' } }));
  assert.throws(() => answer.end(), { code: 'upstream' });
  assert.throws(() => answer.read(lines({ error: 'out of memory' })), { message: 'Ollama: out of memory' });
  assert.throws(() => answer.read(bytes('nonsense\n')), { code: 'upstream' });
});
