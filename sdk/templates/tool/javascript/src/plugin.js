// The component: what the contract's world `tool-world` exports. Its types are described in evenhand/wit/tool.wit.

import { count, Wrong } from './count.js';

function schema(properties) {
  return JSON.stringify({ type: 'object', properties, required: Object.keys(properties), additionalProperties: false });
}

const number = { type: 'integer' };
const info = {
  name: 'count',
  title: undefined,
  description: 'Counts the characters, words and lines of a text.',
  inputSchema: schema({ text: { type: 'string', description: 'The text to count.' } }),
  outputSchema: schema({ characters: number, words: number, lines: number }),
  readOnly: true,
  destructive: false,
  idempotent: true,
  openWorld: false,
};

export const tools = {
  listTools() {
    return [info];
  },

  callTool(id, name, args) {
    if (name !== info.name) throw { code: 'not-found', message: `there is no tool ${name}` };
    try {
      const counted = JSON.stringify(count(JSON.parse(args).text));
      return { content: [{ tag: 'text', val: counted }], structured: counted, isError: false };
    } catch (error) {
      if (!(error instanceof Wrong)) throw error;
      // The model reads it, and may try again.
      return { content: [{ tag: 'text', val: error.message }], structured: undefined, isError: true };
    }
  },

  cancelTool() {},
};
