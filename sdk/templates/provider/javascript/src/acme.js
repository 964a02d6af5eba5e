// Acme's requests and answers. Nothing here knows of the host: it is tested by itself.

/** An error of the contract. */
export function failure(code, message, more = {}) {
  return { code, message, ...more };
}

/** Acme's request for a neutral one, and warnings: nothing is dropped in silence. */
export function translate(request) {
  const { sampling } = request;
  if (request.tools.length) throw failure('unsupported', 'acme has no tools', { param: 'tools' });
  if (request.output.tag !== 'text') throw failure('unsupported', 'acme writes text only', { param: 'output' });
  if ((sampling.choices ?? 1) > 1) {
    throw failure('bad-request', 'acme gives one answer', { param: 'sampling.choices' });
  }
  const turns = request.messages.map(({ role, parts }) => {
    if (parts.some(({ content }) => content.tag !== 'text')) {
      throw failure('bad-request', 'acme reads text only', { param: 'messages' });
    }
    return { bot: role === 'assistant', text: parts.map(({ content }) => content.val.text).join('') };
  });
  return { body: { model: request.model, turns, limit: sampling.maxTokens }, warnings: leftOut(request) };
}

function leftOut(request) {
  const { maxTokens, choices, stop, ...sampling } = request.sampling;
  const { toolChoice, parallelToolCalls, reasoning, verbosity, serviceTier, user } = request;
  const dropped = { toolChoice, parallelToolCalls, reasoning, verbosity, serviceTier, user };
  for (const [name, value] of Object.entries(sampling)) dropped[`sampling.${name}`] = value;
  if (stop.length) dropped['sampling.stop'] = stop;
  if (request.metadata.length) dropped.metadata = request.metadata;
  if (request.modalities.some((kind) => kind !== 'text')) dropped.modalities = request.modalities;
  const fields = Object.keys(dropped)
    .filter((name) => dropped[name] !== undefined)
    .map((name) => name.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`));
  for (const extension of request.extensions) fields.push(...Object.keys(JSON.parse(extension.fields)));
  return fields.map((field) => ({ field, message: 'acme has no such setting' }));
}

/** Reads an answer's bytes as they come, and makes events of them. */
export class Answer {
  constructor(model, warnings) {
    this.decoder = new TextDecoder();
    this.rest = '';
    this.finished = false;
    this.opening = [
      { tag: 'started', val: { model } },
      ...warnings.map((val) => ({ tag: 'warning', val })),
      { tag: 'part-started', val: { choice: 0, index: 0, kind: { tag: 'text' } } },
    ];
  }

  read(bytes) {
    const lines = (this.rest + this.decoder.decode(bytes, { stream: true })).split('\n');
    this.rest = lines.pop();
    const events = this.opening;
    this.opening = [];
    for (const line of lines) {
      if (line.startsWith('data:')) events.push(...this.events(line.slice('data:'.length)));
    }
    return events;
  }

  events(data) {
    let said;
    try {
      said = JSON.parse(data);
    } catch {
      throw failure('upstream', "an event of acme's answer is no JSON");
    }
    if (said.done === undefined) {
      return [{ tag: 'part-delta', val: { choice: 0, index: 0, delta: { tag: 'text', val: said.text } } }];
    }
    this.finished = true;
    const reasons = { end: { tag: 'stop' }, limit: { tag: 'length' } };
    const reason = reasons[said.done] ?? { tag: 'other', val: said.done };
    return [
      { tag: 'part-ended', val: { choice: 0, index: 0 } },
      { tag: 'usage', val: { inputTokens: BigInt(said.in), outputTokens: BigInt(said.out) } },
      { tag: 'finished', val: { choice: 0, reason } },
    ];
  }

  end() {
    if (!this.finished) throw failure('upstream', "acme's answer ended mid-stream");
  }
}
