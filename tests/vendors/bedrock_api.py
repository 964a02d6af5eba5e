"""The mock of Amazon Bedrock: Converse, ConverseStream, CountTokens, InvokeModel for embeddings, and the lists of models."""

import base64
import hashlib
import hmac
import json
import re
import struct
import zlib

from aiohttp import web

from . import bedrock_rules, brain, sigv4
from .aws_shapes import bad
from .brain import Ask, Call, Reply, Text, Thinking
from .server import RECORDED, Frame, Recorded, Refusal, Vendor

REGION, SERVICE = "us-east-1", "bedrock"
ACCOUNT = f"arn:aws:bedrock:{REGION}:123456789012"
FINISH = {"stop": "end_turn", "stop_sequence": "stop_sequence", "length": "max_tokens", "tool_calls": "tool_use"}
TITAN, COHERE = "amazon.titan-embed-text-v2:0", "cohere.embed-english-v3"
# Lengths of vectors: a quarter, a half and all of the mock's, as Titan has of its own.
DIMENSIONS = (brain.DIMENSIONS, brain.DIMENSIONS // 2, brain.DIMENSIONS // 4)
# A mock model under its own name, as a model of Anthropic's, in a profile across regions, or in a profile of one's own.
MODEL = re.compile(
    rf"(?:{re.escape(ACCOUNT)}:(?:application-)?inference-profile/)?(?P<base>(?:us\.)?(?:anthropic\.)?)(?P<name>mock-[a-z0-9-]+?)(?:-v1:0)?"
)
# What the vendor calls the errors that all mocks have.
KINDS = {"not_found_error": "UnknownOperationException", "invalid_request_error": "ValidationException"}


class BedrockVendor(Vendor):
    """Amazon Bedrock on loopback, runtime and control plane. Its key is `ACCESS_KEY_ID:SECRET_ACCESS_KEY[:SESSION_TOKEN]`."""

    MODELS_PATH = ("/foundation-models", "/inference-profiles")
    STREAM_TYPE = "application/vnd.amazon.eventstream"
    KEEP_ALIVE = b""

    def routes(self) -> list[web.RouteDef]:
        return [
            web.post("/model/{id}/converse", self._converse),
            web.post("/model/{id}/converse-stream", self._converse_stream),
            web.post("/model/{id}/count-tokens", self._count),
            web.post("/model/{id}/invoke", self._invoke),
            web.get("/foundation-models", self._models),
            web.get("/inference-profiles", self._profiles),
        ]

    def answer_headers(self, recorded: Recorded) -> dict[str, str]:
        return {"x-amzn-requestid": recorded.request_id}

    def refusal_headers(self, refusal: Refusal) -> dict[str, str]:
        kind = KINDS.get(refusal.kind, refusal.kind)
        return refusal.headers | {"x-amzn-errortype": f"{kind}:http://internal.amazon.com/coral/com.amazon.bedrock/"}

    def refusal_body(self, refusal: Refusal, recorded: Recorded) -> dict:
        return {"message": refusal.message}

    def streams(self, recorded: Recorded) -> bool:
        return recorded.path.endswith("/converse-stream")

    def authorise(self, request: web.Request) -> None:
        recorded: Recorded = request[RECORDED]
        # As it was sent: aiohttp's own path is decoded.
        url = f"{self.url}{request.raw_path}"
        try:
            sigv4.verify(request.method, url, request.headers, recorded.body, self.key, REGION, SERVICE)
        except sigv4.Unsigned as unsigned:
            raise Refusal(403, unsigned.kind, unsigned.message) from unsigned

    def _model(self, id: str) -> str:
        """The mock model behind an id."""
        found = MODEL.fullmatch(id)
        if not found or found["name"] not in brain.MODELS:
            raise Refusal(404, "ResourceNotFoundException", f"The model {id} was not found: check its identifier.")
        return found["name"]

    def _fail(self, model: str, said: str) -> None:
        match model:
            case "mock-429":
                raise Refusal(
                    429,
                    "ThrottlingException",
                    f"Too many requests, please wait before trying again: {said}",
                    headers={"retry-after": self.retry_after},
                )
            case "mock-500":
                raise Refusal(500, "InternalServerException", f"The system encountered an unexpected error: {said}")
            case "mock-overloaded":
                raise Refusal(503, "ServiceUnavailableException", f"Bedrock is unable to process your request: {said}")

    def _answer(self, request: web.Request, operation: str) -> tuple[str, dict, Reply, list[dict]]:
        """Model, body, and what the model says, as Converse's blocks too."""
        body, id = self.read_json(request), request.match_info["id"]
        bedrock_rules.converse(operation, id, body)
        self._check_thoughts(body["messages"])
        model = self._model(id)
        ask = read(model, body)
        self._fail(model, " ".join(ask.user_words()))
        reply = brain.answer(ask)
        number = request[RECORDED].request_id
        return model, body, reply, [self._block(part, model, number, at) for at, part in enumerate(reply.parts)]

    async def _converse(self, request: web.Request) -> web.StreamResponse:
        model, body, reply, content = self._answer(request, "Converse")
        answer = {
            "output": {"message": {"role": "assistant", "content": content}},
            "stopReason": FINISH[reply.finish],
            "usage": usage(reply),
            "metrics": {"latencyMs": 12},
            "serviceTier": body.get("serviceTier", {"type": "default"}),
        }
        return await self.reply(request, model, answer | _told(body, reply))

    async def _converse_stream(self, request: web.Request) -> web.StreamResponse:
        model, body, reply, content = self._answer(request, "ConverseStream")
        said = {"message": f"The model failed: {request[RECORDED].request_id}", "originalStatusCode": 500}
        error = Frame(frame({":message-type": "exception", ":exception-type": "modelStreamErrorException"}, said))
        return await self.stream(request, model, list(events(body, reply, content)), error)

    async def _count(self, request: web.Request) -> web.StreamResponse:
        body, id = self.read_json(request), request.match_info["id"]
        counted = bedrock_rules.count(id, body)
        model = self._model(id)
        if id.startswith(("us.", "arn:")):
            raise bad("The provided model doesn't support counting tokens: use the id of the foundation model.")
        self._fail(model, "")
        return await self.reply(request, model, {"inputTokens": brain.answer(read(model, counted)).usage.input})

    async def _invoke(self, request: web.Request) -> web.StreamResponse:
        # boto3 calls a body of bytes what it is, and the vendor reads JSON.
        body = self.read_json(request, ("application/json", "application/octet-stream"))
        id = request.match_info["id"]
        if request.headers.get("accept", "*/*") not in ("*/*", "application/json"):
            raise bad(f"The requested accept type {request.headers['accept']} is not supported.")
        match id:
            case _ if id == TITAN:
                bedrock_rules.titan(body, DIMENSIONS)
                texts = [body["inputText"].split()]
                vector = brain.embedding(texts[0], body.get("dimensions", brain.DIMENSIONS))
                answer = {
                    "embedding": vector,
                    "embeddingsByType": {"float": vector},
                    "inputTextTokenCount": len(texts[0]),
                }
            case _ if id == COHERE:
                bedrock_rules.cohere(body)
                texts = [text.split() for text in body["texts"]]
                vectors = [brain.embedding(text, brain.DIMENSIONS) for text in texts]
                by_type = "embedding_types" in body
                answer = {
                    "id": request[RECORDED].request_id,
                    "texts": body["texts"],
                    "response_type": "embeddings_by_type" if by_type else "embeddings_floats",
                    "embeddings": {"float": vectors} if by_type else vectors,
                }
            case _:
                self._model(id)
                raise bad(f"The mock invokes {TITAN} and {COHERE} only.")
        response = await self.reply(request, "mock-embed", answer)
        response.headers["x-amzn-bedrock-input-token-count"] = str(sum(map(len, texts)))
        return response

    async def _models(self, request: web.Request) -> web.StreamResponse:
        if unknown := set(request.query) - {"byInferenceType", "byProvider", "byOutputModality", "byCustomizationType"}:
            raise bad(f"Unknown parameter {sorted(unknown)[0]}")
        listed = [(id, "TEXT") for id in brain.MODELS] + [
            (TITAN, "EMBEDDING"),
            (COHERE, "EMBEDDING"),
            ("mock-painter", "IMAGE"),
        ]
        return await self.reply(request, "", {"modelSummaries": [_summary(*one) for one in listed]})

    async def _profiles(self, request: web.Request) -> web.StreamResponse:
        """Two pages of one profile each."""
        if unknown := set(request.query) - {"maxResults", "nextToken", "type"}:
            raise bad(f"Unknown parameter {sorted(unknown)[0]}")
        ids = ["us.anthropic.mock-echo-v1:0", "mock-echo"]
        at = {None: 0, "page/2+": 1}.get(request.query.get("nextToken"))
        if at is None:
            raise bad("The next token is not valid.")
        path = "application-inference-profile" if at else "inference-profile"
        profile = {
            "inferenceProfileId": ids[at],
            "inferenceProfileArn": f"{ACCOUNT}:{path}/{ids[at]}",
            "inferenceProfileName": f"Profile {at}",
            "models": [],
            "status": "ACTIVE",
            "type": "APPLICATION" if at else "SYSTEM_DEFINED",
        }
        answer = {"inferenceProfileSummaries": [profile]}
        return await self.reply(request, "", answer if at else answer | {"nextToken": "page/2+"})

    # Thoughts are signed; whoever sends them back must not have changed them.

    def _sign(self, text: str) -> bytes:
        return hmac.digest(self.key.encode(), text.encode(), hashlib.sha256) + text.encode()

    def _signed(self, seal: str) -> str | None:
        """The text that was signed; None if it was not."""
        try:
            raw = base64.b64decode(seal, validate=True)
            text = raw[32:].decode()
        except ValueError:
            return None
        return text if hmac.compare_digest(self._sign(text), raw) else None

    def _check_thoughts(self, messages: list[dict]) -> None:
        for at, message in enumerate(messages):
            for index, block in enumerate(message["content"]):
                if "reasoningContent" not in block:
                    continue
                thought = block["reasoningContent"]
                shown = thought.get("reasoningText", {})
                text = self._signed(shown.get("signature", thought.get("redactedContent", "")))
                if text is None or shown.get("text", "") not in ("", text):
                    raise bad(
                        f"The model returned the following errors: messages.{at}.content.{index}: Invalid `signature` in `thinking` block"
                    )

    def _block(self, part: Text | Thinking | Call, model: str, number: str, at: int) -> dict:
        match part:
            case Text(text):
                return {"text": text}
            case Thinking(text):
                seal = base64.b64encode(self._sign(text)).decode()
                if model == "mock-redacted":
                    return {"reasoningContent": {"redactedContent": seal}}
                return {"reasoningContent": {"reasoningText": {"text": text, "signature": seal}}}
            case Call(name, arguments):
                return {
                    "toolUse": {"toolUseId": f"tooluse_{number}_{at}", "name": name, "input": json.loads(arguments)}
                }


def _summary(id: str, modality: str) -> dict:
    return {
        "modelArn": f"arn:aws:bedrock:{REGION}::foundation-model/{id}",
        "modelId": id,
        "modelName": id.replace("-", " ").title(),
        "providerName": "mock-bedrock",
        "inputModalities": ["TEXT"],
        "outputModalities": [modality],
        "inferenceTypesSupported": ["ON_DEMAND"],
        "modelLifecycle": {"status": "ACTIVE"},
    }


def read(model: str, body: dict) -> Ask:
    """A request that passed the rules, in neutral words."""
    lines = [("system", block["text"]) for block in body.get("system", []) if "text" in block]
    names: dict[str, str] = {}
    for message in body["messages"]:
        for block in message["content"]:
            ((kind, said),) = block.items()
            match kind:
                case "text":
                    lines.append((message["role"], said))
                case "image":
                    lines.append((message["role"], brain.image_line(*bedrock_rules.image(said, ""))))
                case "toolUse":
                    names[said["toolUseId"]] = said["name"]
                    lines.append((message["role"], brain.call_line(said["name"], said["input"])))
                case "toolResult":
                    lines.append(("tool", brain.result_line(names[said["toolUseId"]], _result(said))))
    config, extra = body.get("toolConfig", {}), body.get("additionalModelRequestFields", {})
    own = extra.get("tool_choice", {})
    choice = config.get("toolChoice") or {own.get("type", "auto"): own}
    ((how, which),) = choice.items()
    specs = [tool["toolSpec"] for tool in config.get("tools", []) if "toolSpec" in tool]
    inference, wanted = body.get("inferenceConfig", {}), body.get("outputConfig", {}).get("textFormat")
    return Ask(
        model=model,
        lines=lines,
        tools=[brain.Tool(spec["name"], spec["inputSchema"]["json"]) for spec in specs],
        choice={"any": "required", "tool": which.get("name", "")}.get(how, how),
        parallel=not own.get("disable_parallel_tool_use", False),
        schema=json.loads(wanted["structure"]["jsonSchema"]["schema"]) if wanted else None,
        stop=inference.get("stopSequences", []),
        max_tokens=inference.get("maxTokens"),
        thinks=extra.get("thinking", {"type": "disabled"})["type"] != "disabled",
    )


def _result(block: dict) -> str:
    pieces = [
        piece["text"]
        if "text" in piece
        else brain.image_line(*bedrock_rules.image(piece["image"], ""))
        if "image" in piece
        else json.dumps(piece.get("json", {}))
        for piece in block["content"]
    ]
    text = "".join(pieces)
    return f"error: {text}" if block.get("status") == "error" else text


def usage(reply: Reply) -> dict:
    """The account. Cached tokens are beside `inputTokens`, within `totalTokens`."""
    used = reply.usage
    account = {
        "inputTokens": used.fresh,
        "outputTokens": used.output,
        "totalTokens": used.input + used.output,
        "cacheReadInputTokens": used.cache_read,
        "cacheWriteInputTokens": used.cache_write,
    }
    if used.cache_write:
        hour = used.cache_write // 2
        account["cacheDetails"] = [
            {"ttl": "1h", "inputTokens": hour},
            {"ttl": "5m", "inputTokens": used.cache_write - hour},
        ]
    return account


def _told(body: dict, reply: Reply) -> dict:
    """What the request wants to know of the model's own answer."""
    if "/stop_sequence" not in body.get("additionalModelResponseFieldPaths", []):
        return {}
    return {"additionalModelResponseFields": {"stop_sequence": reply.stopped_by}}


def events(body: dict, reply: Reply, content: list[dict]):
    """The same answer in pieces."""
    yield event("messageStart", {"role": "assistant"})
    for index, block in enumerate(content):
        start, deltas = _pieces(block)
        if start:
            yield event("contentBlockStart", {"contentBlockIndex": index, "start": start})
        for delta in deltas:
            yield event("contentBlockDelta", {"contentBlockIndex": index, "delta": delta}, grows=True)
        yield event("contentBlockStop", {"contentBlockIndex": index})
    yield event("messageStop", {"stopReason": FINISH[reply.finish]} | _told(body, reply))
    yield event("metadata", {"usage": usage(reply), "metrics": {"latencyMs": 12}})


def _pieces(block: dict) -> tuple[dict | None, list[dict]]:
    ((kind, said),) = block.items()
    match kind:
        case "text":
            return None, [{"text": token} for token in brain.tokens(said)]
        case "toolUse":
            # A call without arguments sends none.
            arguments = json.dumps(said["input"]) if said["input"] else ""
            start = {"toolUse": {"toolUseId": said["toolUseId"], "name": said["name"]}}
            return start, [{"toolUse": {"input": token}} for token in brain.tokens(arguments)]
        case _ if "redactedContent" in said:
            raw = base64.b64decode(said["redactedContent"])
            halves = (raw[: len(raw) // 2], raw[len(raw) // 2 :])
            return None, [{"reasoningContent": {"redactedContent": base64.b64encode(half).decode()}} for half in halves]
        case _:
            shown = said["reasoningText"]
            thoughts = [{"reasoningContent": {"text": token}} for token in brain.tokens(shown["text"])]
            return None, [*thoughts, {"reasoningContent": {"signature": shown["signature"]}}]


def event(kind: str, payload: dict, grows: bool = False) -> Frame:
    """An event of the stream, padded as the vendor pads them."""
    padded = payload | {"p": "abcdefghijklmnopqrstuvwxyz"[: 3 + len(json.dumps(payload)) % 11]}
    headers = {":event-type": kind, ":content-type": "application/json", ":message-type": "event"}
    return Frame(frame(headers, padded), grows)


def frame(headers: dict[str, str], payload: dict) -> bytes:
    """A frame of an event stream: lengths, their checksum, headers, payload, the checksum of all."""
    text = 7
    fields = b"".join(
        struct.pack("!B", len(name)) + name.encode() + struct.pack("!BH", text, len(value)) + value.encode()
        for name, value in headers.items()
    )
    data = json.dumps(payload, ensure_ascii=False).encode()
    prelude = struct.pack("!II", 16 + len(fields) + len(data), len(fields))
    head = prelude + struct.pack("!I", zlib.crc32(prelude)) + fields + data
    return head + struct.pack("!I", zlib.crc32(head))
