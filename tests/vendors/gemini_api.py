"""The mock of Google's Gemini API: generateContent, its stream, countTokens, embeddings, models."""

import base64
import hashlib
import hmac
import json
import re

from aiohttp import web

from . import brain, gemini_rules
from .brain import Ask, Call, Reply, Text, Thinking
from .gemini_rules import has, parts
from .gemini_shapes import EmbedContentRequest, bad, shape
from .server import RECORDED, Frame, Recorded, Refusal, Vendor

# The SDK's default, and the one that also has what is in preview.
VERSIONS = ("v1", "v1beta")
FINISH = {"stop": "STOP", "stop_sequence": "STOP", "length": "MAX_TOKENS", "tool_calls": "STOP"}
PAGE, LARGEST_PAGE = 50, 1000
# What errors of the shared server are called here.
WORDS = {400: "INVALID_ARGUMENT", 404: "NOT_FOUND", 405: "UNIMPLEMENTED"}
RPC = "type.googleapis.com/google.rpc."


class GeminiVendor(Vendor):
    """Google on loopback; its base URL is `vendor.url` and a version, `/v1beta`."""

    # It sends no comments, and its own SDK takes none.
    KEEP_ALIVE = b""

    def routes(self) -> list[web.RouteDef]:
        return [
            route
            for version in VERSIONS
            for route in (
                web.post(f"/{version}/models/{{call}}", self._call),
                web.get(f"/{version}/models", self._models),
                web.get(f"/{version}/models/{{id}}", self._model),
            )
        ]

    @property
    def last(self) -> Recorded:
        """The newest request, model lists aside."""
        return next(r for r in reversed(self.requests) if r.method == "POST")

    def answer_headers(self, recorded: Recorded) -> dict[str, str]:
        asked = re.search(rb'"service_?[tT]ier": ?"(\w+)"', recorded.body)
        return {"x-gemini-service-tier": asked[1].decode() if asked else "standard"}

    def streams(self, recorded: Recorded) -> bool:
        return ":streamGenerateContent" in recorded.path

    def refusal_body(self, refusal: Refusal, recorded: Recorded) -> dict:
        error = {"code": refusal.status, "message": refusal.message, "status": WORDS.get(refusal.status, refusal.kind)}
        details = []
        if refusal.code:
            details.append({"@type": f"{RPC}ErrorInfo", "reason": refusal.code, "domain": "googleapis.com"})
        if refusal.status == 429:
            details.append({"@type": f"{RPC}RetryInfo", "retryDelay": f"{self.retry_after}s"})
        return {"error": error | ({"details": details} if details else {})}

    def authorise(self, request: web.Request) -> None:
        given = request.headers.getall("x-goog-api-key", []) + request.query.getall("key", [])
        if not given:
            raise Refusal(
                403,
                "PERMISSION_DENIED",
                "Method doesn't allow unregistered callers (callers without established identity). Please use API Key or "
                "other form of API consumer identity to call this API.",
            )
        if any(one != self.key for one in given) or "authorization" in request.headers:
            raise Refusal(
                400, "INVALID_ARGUMENT", "API key not valid. Please pass a valid API key.", code="API_KEY_INVALID"
            )

    def _find(self, model: str, method: str) -> None:
        if model not in brain.MODELS:
            raise Refusal(
                404,
                "NOT_FOUND",
                f"models/{model} is not found for API version v1beta, or is not supported for {method}. Call ListModels "
                "to see the list of available models and their supported methods.",
            )

    def _fail(self, model: str, said: str) -> None:
        match model:
            case "mock-429":
                raise Refusal(429, "RESOURCE_EXHAUSTED", f"You exceeded your current quota: {said}")
            case "mock-500":
                raise Refusal(500, "INTERNAL", f"An internal error has occurred: {said}")
            case "mock-overloaded":
                raise Refusal(503, "UNAVAILABLE", f"The model is overloaded. Please try again later: {said}")

    async def _call(self, request: web.Request) -> web.StreamResponse:
        model, _, method = request.match_info["call"].partition(":")
        methods = {
            "generateContent": self._generate,
            "streamGenerateContent": self._generate,
            "countTokens": self._count,
            "batchEmbedContents": self._embed,
            "embedContent": self._embed,
        }
        if method not in methods:
            raise web.HTTPNotFound
        allowed = {"key"} | ({"alt"} if method == "streamGenerateContent" else set())
        if unknown := set(request.query) - allowed:
            raise bad(f'Invalid JSON payload received. Unknown name "{min(unknown)}": Cannot bind query parameter.')
        return await methods[method](request, model, method)

    async def _generate(self, request: web.Request, model: str, method: str) -> web.StreamResponse:
        body = self.read_json(request)
        streams = method == "streamGenerateContent"
        if streams and request.query.get("alt") != "sse":
            raise bad("this mock streams server-sent events only: alt=sse")
        self._find(model, method)
        body = gemini_rules.generate(body)
        self._check_signatures(body["contents"])
        ask = read(model, body)
        self._fail(model, " ".join(ask.user_words()))
        reply = brain.answer(ask)
        recorded: Recorded = request[RECORDED]
        config = body.get("generationConfig") or {}
        shows = (config.get("thinkingConfig") or {}).get("includeThoughts", False) and model != "mock-redacted"
        said = self._parts(reply, model, recorded.request_id, shows)
        answer = whole(model, recorded.request_id, said, reply, config)
        if streams:
            error = {"code": 503, "message": f"The model is overloaded: {recorded.request_id}", "status": "UNAVAILABLE"}
            frames = list(chunks(answer))
            return await self.stream(request, model, frames, Frame(_event({"error": error})))
        return await self.reply(request, model, answer)

    async def _count(self, request: web.Request, model: str, method: str) -> web.StreamResponse:
        body = self.read_json(request)
        self._find(model, method)
        counted = gemini_rules.count(body)
        if counted.get("model", f"models/{model}") != f"models/{model}":
            raise bad("* CountTokensRequest.generate_content_request.model: must be the same as the path's")
        ask = read(model, counted)
        self._fail(model, " ".join(ask.user_words()))
        total = brain.answer(ask).usage.input
        details = [{"modality": "TEXT", "tokenCount": total}]
        return await self.reply(request, model, {"totalTokens": total, "promptTokensDetails": details})

    async def _embed(self, request: web.Request, model: str, method: str) -> web.StreamResponse:
        body = self.read_json(request)
        if model != "mock-embed":
            self._find("", method)
        if method == "embedContent":
            body = shape(EmbedContentRequest, body)
            gemini_rules.embed_one(body)
            return await self.reply(request, model, {"embedding": _vector(body)})
        requests = gemini_rules.embed(body, model)
        total = sum(brain.words(_text(one)) for one in requests)
        answer = {"embeddings": [_vector(one) for one in requests], "usageMetadata": {"promptTokenCount": total}}
        return await self.reply(request, model, answer)

    async def _models(self, request: web.Request) -> web.StreamResponse:
        query = request.query
        if unknown := set(query) - {"pageSize", "pageToken", "key"}:
            raise bad(f'Invalid JSON payload received. Unknown name "{min(unknown)}": Cannot bind query parameter.')
        size = query.get("pageSize", str(PAGE))
        if not size.isdecimal() or not 1 <= int(size) <= LARGEST_PAGE:
            raise bad(f"page_size must be between 1 and {LARGEST_PAGE}")
        # A page of this mock is never longer than 20, so that its list takes several.
        start, length = self._page(query.get("pageToken")), min(int(size), 20)
        page = brain.MODELS[start : start + length]
        answer = {"models": [_model(id) for id in page]}
        if start + length < len(brain.MODELS):
            answer["nextPageToken"] = base64.b64encode(b"page>>" + str(start + length).encode()).decode()
        return await self.reply(request, "", answer)

    def _page(self, token: str | None) -> int:
        if token is None:
            return 0
        try:
            return int(base64.b64decode(token, validate=True).removeprefix(b"page>>"))
        except ValueError:
            raise bad("page_token is not valid") from None

    async def _model(self, request: web.Request) -> web.StreamResponse:
        self._find(request.match_info["id"], "GetModel")
        return await self.reply(request, "", _model(request.match_info["id"]))

    # What a model thought before a call is in a signature, which must come back unchanged.

    def _sign(self, text: str) -> str:
        mac = hmac.digest(self.key.encode(), text.encode(), hashlib.sha256)
        return base64.b64encode(mac + text.encode()).decode()

    def _is_signed(self, signature: str) -> bool:
        if signature in gemini_rules.PLACEHOLDERS:
            return True
        try:
            # The API takes both alphabets of base64; the SDK sends the second.
            text = base64.b64decode(signature.replace("-", "+").replace("_", "/"), validate=True)[32:].decode()
        except ValueError:
            return False
        return hmac.compare_digest(self._sign(text), signature.replace("-", "+").replace("_", "/"))

    def _check_signatures(self, contents: list[dict]) -> None:
        for content in contents:
            for part in parts(content):
                if "thoughtSignature" in part and not self._is_signed(part["thoughtSignature"]):
                    raise bad("Thought signature is not valid.")
        for at, content in gemini_rules.current_steps(contents):
            calls = [part for part in parts(content) if "functionCall" in part]
            if calls and "thoughtSignature" not in calls[0]:
                raise bad(
                    "Function call is missing a thought_signature in functionCall parts. This is required for tools to work "
                    "correctly, and missing thought_signature may lead to degraded model performance. Additional data, "
                    f"function call `default_api:{calls[0]['functionCall']['name']}` , position {at + 1}."
                )

    def _parts(self, reply: Reply, model: str, request_id: str, shows: bool) -> list[dict]:
        said, thought = [], "".join(part.text for part in reply.parts if isinstance(part, Thinking))
        for at, part in enumerate(reply.parts):
            match part:
                case Text(text):
                    said.append({"text": text})
                case Thinking(text) if shows:
                    said.append({"text": text, "thought": True})
                case Call(name, arguments):
                    # Some of its models give ids, others none.
                    id = {"id": f"fc_{request_id}_{at}"} if model in brain.THINKERS else {}
                    said.append({"functionCall": {"name": name, "args": json.loads(arguments)} | id})
        signature = self._sign(thought or "nothing")
        calls = [part for part in said if "functionCall" in part]
        if calls:
            calls[0]["thoughtSignature"] = signature
        elif thought:
            said[-1]["thoughtSignature"] = signature
        return said


def _text(one: dict) -> str:
    return "".join(has(one["content"], "text"))


def _vector(one: dict) -> dict:
    dimensions = one.get("outputDimensionality", brain.DIMENSIONS)
    if dimensions > brain.DIMENSIONS:
        raise bad(f"output_dimensionality must be at most {brain.DIMENSIONS}")
    return {"values": brain.embedding(_text(one).split(), dimensions)}


def _model(id: str) -> dict:
    methods = ["embedContent", "batchEmbedContents"] if id == "mock-embed" else ["generateContent", "countTokens"]
    return {
        "name": f"models/{id}",
        "version": "001",
        "displayName": id.replace("-", " ").title(),
        "description": "A mock",
        "inputTokenLimit": 1_048_576,
        "outputTokenLimit": 65_536,
        "supportedGenerationMethods": methods,
        "temperature": 1,
        "topP": 0.95,
        "topK": 64,
        "maxTemperature": 2,
        "thinking": id in brain.THINKERS,
    }


def read(model: str, body: dict) -> Ask:
    """A request that passed the rules, in neutral words."""
    lines = [("system", part["text"]) for part in parts(body.get("systemInstruction") or {})]
    for turn in gemini_rules.joined(body["contents"]):
        role = {"user": "user", "model": "assistant"}[turn["role"]]
        grows = False
        for part in turn["parts"]:
            if part.get("thought") or part.get("text") == "":
                continue
            if "text" in part:
                # The model reads what it wrote as one text, however it was cut.
                said = lines.pop()[1] if grows else ""
                lines.append((role, said + part["text"]))
            elif "functionCall" in part:
                call = part["functionCall"]
                lines.append((role, brain.call_line(call["name"], call.get("args", {}))))
            elif "functionResponse" in part:
                response = part["functionResponse"]
                lines.append(("tool", brain.result_line(response["name"], _response(response))))
            elif medium := gemini_rules.media(part, ""):
                lines.append((role, brain.image_line(*medium)))
            grows = "text" in part and role == "assistant"
    functions = [f for tool in body.get("tools") or [] for f in tool.get("functionDeclarations", [])]
    choice = (body.get("toolConfig") or {}).get("functionCallingConfig") or {}
    allowed = choice.get("allowedFunctionNames") or ["required"]
    config = body.get("generationConfig") or {}
    return Ask(
        model=model,
        lines=lines,
        tools=[
            brain.Tool(f["name"], f.get("parametersJsonSchema") or _lower(f.get("parameters", {}))) for f in functions
        ],
        choice={"ANY": allowed[0], "NONE": "none"}.get(choice.get("mode"), "auto"),
        schema=config.get("responseJsonSchema") or _lower(config.get("responseSchema")),
        stop=config.get("stopSequences") or [],
        max_tokens=config.get("maxOutputTokens"),
        thinks=_thinks(config.get("thinkingConfig") or {}),
    )


def _thinks(config: dict) -> bool:
    return config.get("includeThoughts", False) or "thinkingLevel" in config or config.get("thinkingBudget", 0) != 0


def _lower(schema: dict | None) -> dict | None:
    """A schema of the older kind, whose types are in capitals."""
    if not isinstance(schema, dict):
        return schema
    built = {name: _lower(value) if isinstance(value, dict) else value for name, value in schema.items()}
    return built | ({"type": built["type"].lower()} if isinstance(built.get("type"), str) else {})


def _response(response: dict) -> str:
    said = response["response"]
    value = said.get("error", said.get("output", said))
    pieces = value if isinstance(value, list) else [value]
    text = "".join(piece if isinstance(piece, str) else json.dumps(piece) for piece in pieces)
    text += "".join(brain.image_line(*gemini_rules.media(part, "")) for part in response.get("parts") or [])
    return f"error: {text}" if "error" in said else text


def whole(model: str, request_id: str, said: list[dict], reply: Reply, config: dict) -> dict:
    """The answer in one piece."""
    used = reply.usage
    count = config.get("candidateCount", 1)
    usage = {"promptTokenCount": used.input, "candidatesTokenCount": (used.output - used.thinking) * count}
    if used.thinking:
        usage["thoughtsTokenCount"] = used.thinking
    if used.cache_read:
        usage["cachedContentTokenCount"] = used.cache_read
    usage["totalTokenCount"] = sum(value for name, value in usage.items() if name != "cachedContentTokenCount")
    candidate = {"content": {"parts": said, "role": "model"}, "finishReason": FINISH[reply.finish]}
    if config.get("responseLogprobs"):
        candidate["logprobsResult"] = _logprobs(said, config.get("logprobs", 0))
    return {
        # Zero is left out, as in all JSON that Google makes of protocol buffers.
        "candidates": [candidate | ({"index": at} if at else {}) for at in range(count)],
        "usageMetadata": usage,
        "modelVersion": model,
        "responseId": request_id,
    }


def _logprobs(said: list[dict], top: int) -> dict:
    shown = [part["text"] for part in said if "text" in part and not part.get("thought")]
    tokens = [token for text in shown for token in brain.tokens(text)]
    chosen = [{"token": token, "logProbability": -0.5} for token in tokens]
    others = [[one] + [{"token": f"other{n}", "logProbability": -1.5 - n} for n in range(1, top)] for one in chosen]
    return {"chosenCandidates": chosen, "topCandidates": [{"candidates": one[:top]} for one in others]}


def chunks(answer: dict):
    """The same answer in pieces."""
    usage = answer["usageMetadata"]
    opening = {"promptTokenCount": usage["promptTokenCount"], "totalTokenCount": usage["promptTokenCount"]}
    head = {name: answer[name] for name in ("modelVersion", "responseId")}
    for candidate in answer["candidates"]:
        pieces = list(_pieces(candidate["content"]["parts"]))
        for at, piece in enumerate(pieces):
            grown = {"content": {"parts": [piece], "role": "model"}}
            grown |= {"index": candidate["index"]} if "index" in candidate else {}
            last = at == len(pieces) - 1
            # The end comes with the last piece.
            grown |= {name: value for name, value in candidate.items() if last and name != "content"}
            account = usage if last and candidate is answer["candidates"][-1] else opening
            yield Frame(_event({"candidates": [grown], "usageMetadata": account} | head), grows=True)


def _pieces(said: list[dict]):
    for part in said:
        if "text" not in part:
            yield part
            continue
        rest = {name: value for name, value in part.items() if name not in ("text", "thoughtSignature")}
        for token in brain.tokens(part["text"]):
            yield {"text": token} | rest
        # A signature of a text comes behind it, in an empty part.
        if "thoughtSignature" in part:
            yield {"text": "", "thoughtSignature": part["thoughtSignature"]}


def _event(body: dict) -> bytes:
    return f"data: {json.dumps(body, ensure_ascii=False)}\r\n\r\n".encode()
