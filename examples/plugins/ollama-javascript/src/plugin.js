// The component: what the contract's world `provider-world` exports. Its types are described in evenhand/wit/provider.wit.

import { get } from 'evenhand:plugin/config@0.1.0';
import { send } from 'evenhand:plugin/http@0.1.0';
import { Answer, failure, toOllama } from './translate.js';

/** Most bytes of an answer that comes whole. */
const WHOLE = 16n << 20n;

function config() {
  const { base_url: baseUrl = 'http://127.0.0.1:11434', ...unknown } = JSON.parse(get());
  const [key] = Object.keys(unknown);
  if (key !== undefined) throw failure('internal', `its \`config\`: there is no key ${key}`);
  return { baseUrl: baseUrl.replace(/\/+$/, '') };
}

/** Asks Ollama. */
function ask(method, path, body) {
  const response = send({
    method,
    url: config().baseUrl + path,
    headers: body ? [['content-type', 'application/json']] : [],
    payload: body ? { tag: 'bytes', val: new TextEncoder().encode(JSON.stringify(body)) } : { tag: 'empty' },
    credential: undefined,
  });
  if (response.status() < 400) return response;
  const text = new TextDecoder().decode(response.body().readAll(WHOLE));
  const code = { 400: 'bad-request', 404: 'not-found', 429: 'rate-limited', 503: 'overloaded' }[response.status()] ?? 'upstream';
  throw failure(code, `Ollama: ${text}`, { upstream: { status: response.status(), body: text } });
}

function json(response) {
  try {
    return JSON.parse(new TextDecoder().decode(response.body().readAll(WHOLE)));
  } catch (error) {
    // What the host says goes on; what isn't JSON is Ollama's fault.
    throw error instanceof SyntaxError ? failure('upstream', "Ollama's answer is no JSON") : error;
  }
}

/** An answer in the making. */
class Generation {
  constructor(body, answer) {
    this.body = body;
    this.answer = answer;
  }

  next() {
    while (!this.answer.finished) {
      const bytes = this.body.read();
      const events = bytes === undefined ? this.answer.end() : this.answer.read(bytes);
      if (events.length) return events;
    }
    return undefined;
  }
}

export const provider = {
  Generation,

  check() {
    config();
  },

  models() {
    return json(ask('GET', '/api/tags')).models.map((model) => ({ id: model.name, tasks: [], ownedBy: 'ollama' }));
  },

  generate(request) {
    const { body, warnings } = toOllama(request);
    const response = ask('POST', '/api/chat', body);
    return new Generation(response.body(), new Answer(warnings, () => `call_${crypto.randomUUID()}`));
  },

  embed(request) {
    if (request.input.tag !== 'texts') {
      throw failure('bad-request', 'Ollama embeds texts, not tokens', { param: 'input' });
    }
    const warnings = [];
    if (request.user !== undefined) warnings.push({ field: 'user', message: 'Ollama has no such setting' });
    const { model, dimensions } = request;
    const said = json(ask('POST', '/api/embed', { model, dimensions, input: request.input.val }));
    const usage = { inputTokens: said.prompt_eval_count === undefined ? undefined : BigInt(said.prompt_eval_count) };
    return { model: said.model, vectors: said.embeddings, usage, warnings };
  },

  countTokens() {
    throw failure('unsupported', 'Ollama cannot count tokens');
  },
};
