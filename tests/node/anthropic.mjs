// Anthropic's SDK, its own helpers included: what came of each use, as JSON. Arguments: the host's URL, and what stands before a model's name.
import Anthropic from "@anthropic-ai/sdk";
import { betaTool } from "@anthropic-ai/sdk/helpers/beta/json-schema";

const [url, prefix] = process.argv.slice(2);
const client = new Anthropic({ baseURL: url, apiKey: "sk-client-of-node", maxRetries: 0 });
const asked = { max_tokens: 100, system: "Be brief.", messages: [{ role: "user", content: "Rome today" }] };
const inputSchema = { type: "object", properties: { city: { type: "string" } }, required: ["city"], additionalProperties: false };
const weather = ({ city }) => `7 °C in ${city}`;

const message = (answer) => ({
  text: answer.content.filter((block) => block.type === "text").map((block) => block.text).join(""),
  finish: answer.stop_reason,
  tokens: [answer.usage.input_tokens, answer.usage.output_tokens],
});
const failure = async (use) => {
  try {
    await use();
  } catch (error) {
    return { is: error.constructor.name, status: error.status ?? null, type: error.error?.error?.type ?? null, message: error.message, wait: error.headers?.get("retry-after") ?? null };
  }
};

const uses = {
  messages: async () => message(await client.messages.create({ model: `${prefix}/mock-echo`, ...asked })),
  messages_stream: async () => {
    const stream = client.messages.stream({ model: `${prefix}/mock-echo`, ...asked });
    let pieces = 0;
    stream.on("text", () => pieces++);
    return { ...message(await stream.finalMessage()), pieces };
  },
  tools: async () => {
    const tools = [{ name: "weather", description: "d", input_schema: inputSchema }];
    const first = await client.messages.create({ model: `${prefix}/mock-tools`, ...asked, tools });
    const call = first.content.find((block) => block.type === "tool_use");
    const result = { type: "tool_result", tool_use_id: call.id, content: weather(call.input) };
    const messages = [...asked.messages, { role: "assistant", content: first.content }, { role: "user", content: [result] }];
    const second = await client.messages.stream({ model: `${prefix}/mock-tools`, ...asked, messages, tools }).finalMessage();
    return { call: call.input, finish: first.stop_reason, text: message(second).text };
  },
  runner: async () => {
    const tools = [betaTool({ name: "weather", description: "d", inputSchema, run: weather })];
    return { text: message(await client.beta.messages.toolRunner({ model: `${prefix}/mock-tools`, ...asked, tools })).text };
  },
  thinking: async () => {
    const model = `${prefix}/mock-thinking`;
    const thinking = { type: "enabled", budget_tokens: 1024 };
    const turns = { ...asked, max_tokens: 4096, thinking };
    const first = await client.messages.stream({ model, ...turns }).finalMessage();
    const messages = [...asked.messages, { role: "assistant", content: first.content }, { role: "user", content: "And now, Node?" }];
    const second = await client.messages.create({ model, ...turns, messages });
    return { kinds: first.content.map((block) => block.type), text: message(second).text };
  },
  count: async () => (await client.messages.countTokens({ model: `${prefix}/mock-echo`, system: asked.system, messages: asked.messages })).input_tokens,
  unknown: () => failure(() => client.messages.create({ model: `${prefix}/mock-ekko`, ...asked })),
  throttled: () => failure(() => client.messages.create({ model: `${prefix}/mock-429`, ...asked })),
  broken_off: () => failure(() => client.messages.stream({ model: `${prefix}/mock-error-mid`, ...asked }).finalMessage()),
  models: async () => {
    const ids = [];
    for await (const model of client.models.list()) ids.push(model.id);
    return ids.filter((id) => id === `${prefix}/mock-echo`);
  },
};

const results = await Promise.all(Object.entries(uses).map(async ([name, use]) => [name, await use().catch((error) => ({ error: `${error}` }))]));
console.log(JSON.stringify(Object.fromEntries(results)));
