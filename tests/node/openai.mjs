// OpenAI's SDK, its own helpers included: what came of each use, as JSON. Arguments: the host's URL, and what stands before a model's name.
import OpenAI from "openai";

const [url, prefix] = process.argv.slice(2);
const client = new OpenAI({ baseURL: `${url}/v1`, apiKey: "sk-client-of-node", maxRetries: 0 });
const messages = [{ role: "system", content: "Be brief." }, { role: "user", content: "Rome today" }];
const parameters = { type: "object", properties: { city: { type: "string" } }, required: ["city"], additionalProperties: false };
const weather = ({ city }) => `7 °C in ${city}`;
const tool = { type: "function", function: { name: "weather", description: "d", parameters, parse: JSON.parse, function: weather } };

const chat = (answer) => ({
  text: answer.choices[0].message.content,
  finish: answer.choices[0].finish_reason,
  tokens: [answer.usage.prompt_tokens, answer.usage.completion_tokens],
});
const response = (answer) => ({ text: answer.output_text, finish: answer.status, tokens: [answer.usage.input_tokens, answer.usage.output_tokens] });
const failure = async (use) => {
  try {
    await use();
  } catch (error) {
    return { is: error.constructor.name, status: error.status ?? null, code: error.code ?? null, message: error.message, wait: error.headers?.get("retry-after") ?? null };
  }
};
const streamed = { stream: true, stream_options: { include_usage: true } };

const uses = {
  chat: async () => chat(await client.chat.completions.create({ model: `${prefix}/mock-echo`, messages })),
  chat_stream: async () => {
    const stream = client.chat.completions.stream({ model: `${prefix}/mock-echo`, messages, ...streamed });
    let pieces = 0;
    stream.on("content", () => pieces++);
    return { ...chat(await stream.finalChatCompletion()), pieces };
  },
  chat_tools: async () => {
    const runner = client.chat.completions.runTools({ model: `${prefix}/mock-tools`, messages, tools: [tool] });
    return { text: await runner.finalContent(), turns: runner.messages.map((message) => message.role) };
  },
  chat_tools_stream: async () => {
    const runner = client.chat.completions.runTools({ model: `${prefix}/mock-tools`, messages, tools: [tool], ...streamed });
    return { text: await runner.finalContent(), turns: runner.messages.map((message) => message.role) };
  },
  responses: async () => response(await client.responses.create({ model: `${prefix}/mock-echo`, instructions: "Be brief.", input: "Rome today" })),
  responses_stream: async () => {
    const stream = client.responses.stream({ model: `${prefix}/mock-echo`, instructions: "Be brief.", input: "Rome today" });
    let pieces = 0;
    stream.on("response.output_text.delta", () => pieces++);
    return { ...response(await stream.finalResponse()), pieces };
  },
  responses_tools: async () => {
    const asked = { model: `${prefix}/mock-tools`, tools: [{ type: "function", name: "weather", parameters, strict: true }] };
    const first = await client.responses.create({ ...asked, input: "Rome today" });
    const call = first.output.find((item) => item.type === "function_call");
    const output = { type: "function_call_output", call_id: call.call_id, output: weather(JSON.parse(call.arguments)) };
    const second = await client.responses.create({ ...asked, previous_response_id: first.id, input: [output] });
    return { text: second.output_text, call: call.arguments };
  },
  unknown: () => failure(() => client.chat.completions.create({ model: `${prefix}/mock-ekko`, messages })),
  throttled: () => failure(() => client.chat.completions.create({ model: `${prefix}/mock-429`, messages })),
  broken_off: () => failure(() => client.chat.completions.stream({ model: `${prefix}/mock-error-mid`, messages }).finalChatCompletion()),
  models: async () => {
    const ids = [];
    for await (const model of client.models.list()) ids.push(model.id);
    return ids.filter((id) => id === `${prefix}/mock-echo`);
  },
};

const results = await Promise.all(Object.entries(uses).map(async ([name, use]) => [name, await use().catch((error) => ({ error: `${error}` }))]));
console.log(JSON.stringify(Object.fromEntries(results)));
