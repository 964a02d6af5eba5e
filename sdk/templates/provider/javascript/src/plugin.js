// The component: what the contract's world `provider-world` exports. Its types are described in evenhand/wit/provider.wit.

import { get } from 'evenhand:plugin/config@0.1.0';
import { send } from 'evenhand:plugin/http@0.1.0';
import { Answer, failure, translate } from './acme.js';

/** Most bytes of a refusal. */
const WHOLE = 64n << 10n;

function baseUrl() {
  const { base_url: url = 'https://api.acme.example', ...unknown } = JSON.parse(get());
  const [key] = Object.keys(unknown);
  if (key !== undefined) throw failure('internal', `its \`config\`: there is no key ${key}`);
  return url;
}

/** Acme's answer to a request, once it has accepted it. */
function ask(body) {
  const response = send({
    method: 'POST',
    url: `${baseUrl()}/v1/answers`,
    headers: [['content-type', 'application/json']],
    payload: { tag: 'bytes', val: new TextEncoder().encode(JSON.stringify(body)) },
    credential: 'api_key',
  });
  const status = response.status();
  if (status < 300) return response.body();
  const text = new TextDecoder().decode(response.body().readAll(WHOLE));
  const code = { 400: 'bad-request', 401: 'unauthorised', 429: 'rate-limited' }[status] ?? 'upstream';
  throw failure(code, `acme answered ${status}`, { upstream: { status, body: text } });
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
      if (bytes === undefined) this.answer.end();
      const events = this.answer.read(bytes);
      if (events.length) return events;
    }
    return undefined;
  }
}

export const provider = {
  Generation,

  check() {
    baseUrl();
  },

  models() {
    return [{ id: 'acme-1', tasks: [] }];
  },

  generate(request) {
    const { body, warnings } = translate(request);
    return new Generation(ask(body), new Answer(request.model, warnings));
  },

  embed() {
    throw failure('unsupported', 'acme does not embed');
  },

  countTokens() {
    throw failure('unsupported', 'acme does not count tokens');
  },
};
