// Between the neutral form (evenhand/wit/types.wit) and Ollama's API. Nothing here knows of the host: it is tested by itself.

/** An error of the contract. */
export function failure(code, message, more = {}) {
  return { code, message, param: undefined, retryAfterMs: undefined, upstream: undefined, ...more };
}

/** Ollama's request for a neutral one, and warnings for what it has no place for. */
export function toOllama(request) {
  const warnings = [];
  const drop = (field, message) => warnings.push({ field, message });
  const { sampling, reasoning } = request;
  if ((sampling.choices ?? 1) > 1) {
    throw failure('bad-request', 'Ollama gives one answer', { param: 'sampling.choices' });
  }
  const options = {
    num_predict: sampling.maxTokens,
    temperature: sampling.temperature,
    top_p: sampling.topP,
    top_k: sampling.topK,
    seed: sampling.seed === undefined ? undefined : Number(sampling.seed),
    frequency_penalty: sampling.frequencyPenalty,
    presence_penalty: sampling.presencePenalty,
    stop: sampling.stop.length ? sampling.stop : undefined,
  };
  const body = { model: request.model, messages: messages(request.messages, drop), stream: true, options };
  if (request.tools.length) body.tools = tools(request, drop);
  if (request.output.tag === 'json') body.format = 'json';
  if (request.output.tag === 'json-schema') body.format = parsed(request.output.val.schema, 'output.schema');
  if (reasoning?.enabled !== undefined) body.think = reasoning.enabled;
  const dropped = {
    'sampling.logprobs': sampling.logprobs,
    'reasoning.effort': reasoning?.effort,
    'reasoning.budget-tokens': reasoning?.budgetTokens,
    'reasoning.display': reasoning?.display,
    'parallel-tool-calls': request.parallelToolCalls,
    verbosity: request.verbosity,
    'service-tier': request.serviceTier,
    user: request.user,
  };
  for (const [field, value] of Object.entries(dropped)) {
    if (value !== undefined) drop(field, 'Ollama has no such setting');
  }
  if (request.modalities.some((kind) => kind !== 'text')) drop('modalities', 'Ollama answers with text');
  if (request.metadata.length) drop('metadata', 'Ollama keeps no labels');
  for (const extension of request.extensions) {
    for (const field of Object.keys(parsed(extension.fields, 'extensions'))) {
      drop(field, `not known here (${extension.dialect})`);
    }
  }
  return { body, warnings };
}

function messages(turns, drop) {
  const out = [];
  for (const turn of turns) {
    const role = turn.role === 'developer' ? 'system' : turn.role;
    const message = { role, content: '' };
    for (const { content, cache } of turn.parts) {
      if (cache) drop('messages.cache', 'Ollama caches by itself');
      switch (content.tag) {
        case 'text':
          message.content += content.val.text;
          break;
        case 'refusal':
          message.content += content.val;
          break;
        case 'reasoning':
          message.thinking = (message.thinking ?? '') + content.val.text;
          break;
        case 'image':
          if (content.val.source.tag !== 'bytes') {
            throw failure('bad-request', 'Ollama takes images as bytes, not as links', { param: 'messages' });
          }
          (message.images ??= []).push(base64(content.val.source.val));
          break;
        case 'tool-call': {
          const { name } = content.val;
          (message.tool_calls ??= []).push({ function: { name, arguments: parsed(content.val.arguments, 'messages') } });
          break;
        }
        case 'tool-result':
          out.push({ role: 'tool', tool_name: content.val.name, content: resultText(content.val) });
          break;
        default:
          throw failure('bad-request', `Ollama takes no ${content.tag}`, { param: 'messages' });
      }
    }
    if (turn.role !== 'tool') out.push(message);
  }
  return out;
}

function resultText(result) {
  const texts = result.content.map((piece) => {
    if (piece.tag === 'text') return piece.val;
    throw failure('bad-request', `Ollama takes no ${piece.tag} as the result of a tool`, { param: 'messages' });
  });
  return (result.isError ? 'Error: ' : '') + texts.join('\n');
}

function tools(request, drop) {
  const choice = request.toolChoice;
  if (choice?.tag === 'none') return undefined;
  if (choice && choice.tag !== 'auto') drop('tool-choice', 'Ollama decides by itself which tools it calls');
  return request.tools.map((tool) => {
    if (tool.tag !== 'function') throw failure('bad-request', `Ollama has no tool ${tool.val.kind}`, { param: 'tools' });
    const { name, description, parameters, strict, cache } = tool.val;
    if (strict) drop('tools.strict', 'Ollama does not enforce schemas of tools');
    if (cache) drop('tools.cache', 'Ollama caches by itself');
    const schema = parameters === undefined ? { type: 'object', properties: {} } : parsed(parameters, 'tools');
    return { type: 'function', function: { name, description, parameters: schema } };
  });
}

function parsed(json, param) {
  try {
    return JSON.parse(json);
  } catch {
    throw failure('bad-request', 'a text that should be JSON is none', { param });
  }
}

export function base64(bytes) {
  let text = '';
  for (const byte of bytes) text += String.fromCharCode(byte);
  return btoa(text);
}

/** Reads Ollama's answer: a JSON object a line. */
export class Answer {
  /** @param warnings what the request could not say @param id makes a name for a tool call */
  constructor(warnings, id) {
    this.decoder = new TextDecoder('utf-8', { fatal: true });
    this.rest = '';
    this.opening = warnings.map((val) => ({ tag: 'warning', val }));
    this.id = id;
    this.begun = false;
    this.finished = false;
    this.open = undefined;
    this.parts = 0;
    this.calls = 0;
  }

  /** The events of more bytes. */
  read(bytes) {
    const lines = (this.rest + this.decoder.decode(bytes, { stream: true })).split('\n');
    this.rest = lines.pop();
    return lines.filter((line) => line.trim()).flatMap((line) => this.line(line));
  }

  /** No more bytes come. */
  end() {
    const events = this.rest.trim() ? this.line(this.rest) : [];
    this.rest = '';
    if (!this.finished) throw failure('upstream', "Ollama's answer ended mid-stream");
    return events;
  }

  line(line) {
    let said;
    try {
      said = JSON.parse(line);
    } catch {
      throw failure('upstream', "a line of Ollama's answer is no JSON");
    }
    if (said.error) throw failure('upstream', `Ollama: ${said.error}`);
    const events = [];
    if (!this.begun) {
      this.begun = true;
      events.push({ tag: 'started', val: { id: undefined, model: said.model, serviceTier: undefined } }, ...this.opening);
    }
    if (said.message?.thinking) this.grow('reasoning', said.message.thinking, events);
    if (said.message?.content) this.grow('text', said.message.content, events);
    for (const call of said.message?.tool_calls ?? []) this.call(call.function, events);
    if (said.done) this.done(said, events);
    return events;
  }

  grow(kind, text, events) {
    if (this.open !== kind) {
      this.close(events);
      this.open = kind;
      const val = kind === 'reasoning' ? { tag: kind, val: 'full' } : { tag: kind };
      events.push({ tag: 'part-started', val: { choice: 0, index: this.parts, kind: val } });
    }
    events.push({ tag: 'part-delta', val: { choice: 0, index: this.parts, delta: { tag: 'text', val: text } } });
  }

  close(events) {
    if (this.open === undefined) return;
    this.open = undefined;
    events.push({ tag: 'part-ended', val: { choice: 0, index: this.parts++, providerData: undefined } });
  }

  call({ name, arguments: args }, events) {
    this.close(events);
    this.calls++;
    const start = { id: this.id(), name, byProvider: false };
    this.open = 'tool-call';
    const at = { choice: 0, index: this.parts };
    events.push(
      { tag: 'part-started', val: { ...at, kind: { tag: 'tool-call', val: start } } },
      { tag: 'part-delta', val: { ...at, delta: { tag: 'text', val: JSON.stringify(args ?? {}) } } },
    );
    this.close(events);
  }

  done(said, events) {
    this.close(events);
    const count = (tokens) => (tokens === undefined ? undefined : BigInt(tokens));
    events.push({ tag: 'usage', val: { inputTokens: count(said.prompt_eval_count), outputTokens: count(said.eval_count) } });
    const reasons = { stop: { tag: 'stop' }, length: { tag: 'length' } };
    const reason = this.calls ? { tag: 'tool-calls' } : reasons[said.done_reason ?? 'stop'] ?? { tag: 'other', val: said.done_reason };
    events.push({ tag: 'finished', val: { choice: 0, reason } });
    this.finished = true;
  }
}
