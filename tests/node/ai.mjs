// The AI SDK: a text and a whole tool loop with each of its providers, as JSON. Arguments: the host's URL, and what stands before a
// model's name.
import { createAnthropic } from "@ai-sdk/anthropic";
import { createOpenAI } from "@ai-sdk/openai";
import { generateText, isStepCount, streamText, tool } from "ai";
import { z } from "zod";

const [url, prefix] = process.argv.slice(2);
const settings = { baseURL: `${url}/v1`, apiKey: "sk-client-of-node" };
const openai = createOpenAI(settings);
const anthropic = createAnthropic(settings);
const models = { chat: openai.chat, responses: openai.responses, anthropic };
const weather = tool({ description: "d", inputSchema: z.object({ city: z.string() }), execute: async ({ city }) => `7 °C in ${city}` });
const asked = { instructions: "Be brief.", prompt: "Rome today", maxRetries: 0, onError: () => {} };
const loop = { ...asked, tools: { weather }, stopWhen: isStepCount(4) };

const told = async (result) => ({ text: await result.text, finish: await result.finishReason, steps: (await result.steps).length });
const results = {};
await Promise.all(
  Object.entries(models).flatMap(([name, model]) =>
    Object.entries({
      text: async () => told(await generateText({ model: model(`${prefix}/mock-echo`), ...asked })),
      text_stream: async () => told(streamText({ model: model(`${prefix}/mock-echo`), ...asked })),
      loop: async () => told(await generateText({ model: model(`${prefix}/mock-tools`), ...loop })),
      loop_stream: async () => told(streamText({ model: model(`${prefix}/mock-tools`), ...loop })),
      unknown: async () => told(await generateText({ model: model(`${prefix}/mock-ekko`), ...asked })),
    }).map(async ([use, run]) => {
      results[`${name}_${use}`] = await run().catch((error) => ({ error: error.message, status: error.statusCode ?? null }));
    }),
  ),
);
console.log(JSON.stringify(results));
