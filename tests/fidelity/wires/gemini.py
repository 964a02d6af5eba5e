"""Google's generateContent and streamGenerateContent."""

import base64
import json
from typing import Any

from fidelity.words import Answer, Call, Image, Refusal, Result, Seen, Text, Thought, Tool, Turn, Usage
from vendors import gemini_rules

MODEL = "gemini-3-pro"
MODELS = {
    "models": [
        {
            "name": f"models/{MODEL}",
            "version": "001",
            "displayName": "Gemini 3 Pro",
            "inputTokenLimit": 1_048_576,
            "outputTokenLimit": 65_536,
            "supportedGenerationMethods": ["generateContent", "countTokens"],
        }
    ]
}
STREAM_TYPE = "text/event-stream"
FINISH = {
    "stop": "STOP",
    "length": "MAX_TOKENS",
    "tool_calls": "STOP",
    "filter": "SAFETY",
    "refusal": "STOP",
    "stop_sequence": "STOP",
}


def check(path: str, headers: dict, body: dict) -> None:
    """Refuses what the vendor refuses."""
    if path.endswith(":batchEmbedContents"):
        gemini_rules.embed(body, path.split("/")[-1].partition(":")[0])
    else:
        gemini_rules.generate(body)


def streams(path: str, body: dict) -> bool:
    return ":streamGenerateContent" in path


def seen(body: dict, headers: dict) -> Seen:
    config = body.get("generationConfig") or {}
    functions = [one for tool in body.get("tools") or [] for one in tool.get("functionDeclarations", [])]
    return Seen(
        body,
        headers,
        system=[Text(part["text"]) for part in (body.get("systemInstruction") or {}).get("parts", [])],
        turns=[
            Turn({"model": "assistant"}.get(turn["role"], turn["role"]), tuple(map(_part, turn["parts"])))
            for turn in body["contents"]
        ],
        tools=[
            Tool(one["name"], one.get("parametersJsonSchema") or one.get("parameters"), one.get("description"))
            for one in functions
        ],
        choice=_choice((body.get("toolConfig") or {}).get("functionCallingConfig")),
        schema=config.get("responseJsonSchema") or config.get("responseSchema"),
        max_tokens=config.get("maxOutputTokens"),
    )


def _choice(config: dict | None) -> Any:
    if not config:
        return None
    names = config.get("allowedFunctionNames")
    return ("tool", names[0]) if names else {"AUTO": "auto", "NONE": "none", "ANY": "required"}[config["mode"]]


def _part(part: dict) -> Any:
    signature = part.get("thoughtSignature")
    match part:
        case {"text": text, "thought": True}:
            return Thought(text, signature)
        case {"text": text}:
            return Text(text) if text or not signature else Thought("", signature, hidden=True)
        case {"inlineData": data}:
            return Image(base64.b64decode(data["data"]), data["mimeType"])
        case {"functionCall": call}:
            return Call(call.get("id", ""), call["name"], json.dumps(call.get("args", {})), signature)
        case {"functionResponse": response}:
            said = response["response"]
            value = said.get("error", said.get("output", said))
            text = value if isinstance(value, str) else json.dumps(value)
            images = [_part(one) for one in response.get("parts") or []]
            parts = ((Text(text),) if value not in ("", {}) else ()) + tuple(images)
            return Result(response.get("id", ""), parts, "error" in said)
    raise AssertionError(f"an unexpected part: {part}")


def usage(used: Usage) -> dict:
    counts = {
        "promptTokenCount": used.input,
        "cachedContentTokenCount": used.read,
        "candidatesTokenCount": used.output - used.thought,
        "thoughtsTokenCount": used.thought,
        "totalTokenCount": used.input + used.output,
    }
    details = [{"modality": "TEXT", "tokenCount": used.input}]
    # Zero is left out, as in all JSON that Google makes of protocol buffers.
    return {name: count for name, count in counts.items() if count} | {"promptTokensDetails": details}


def _said(part: Any) -> dict:
    match part:
        case Text(text) | Refusal(text):
            return {"text": text}
        case Thought(text, signature):
            return {"text": text, "thought": True} | ({"thoughtSignature": signature} if signature else {})
        case Call(id, name, arguments, signature):
            call = {"functionCall": {"id": id, "name": name, "args": json.loads(arguments or "{}")}}
            return call | ({"thoughtSignature": signature} if signature else {})
    raise TypeError(part)


HEAD = {"modelVersion": MODEL, "responseId": "mAGdaL-1Bq2zmtkP"}


def whole(answer: Answer) -> dict:
    parts = [_said(part) for part in answer.parts]
    candidate = {"content": {"parts": parts, "role": "model"}, "finishReason": FINISH[answer.ended], "index": 0}
    return {"candidates": [candidate], "usageMetadata": usage(answer.usage)} | HEAD


def objects(answer: Answer) -> list[dict]:
    """The events of a stream."""
    pieces: list[dict] = []
    for part in answer.parts:
        said = _said(part)
        if "text" not in said or not said["text"]:
            pieces.append(said)
            continue
        cut = answer.cut(said["text"])
        marked = {name: value for name, value in said.items() if name != "thoughtSignature"}
        pieces += [marked | {"text": piece} for piece in cut[:-1]] + [said | {"text": cut[-1]}]
    built = []
    for at, piece in enumerate(pieces):
        candidate: dict[str, Any] = {"content": {"parts": [piece], "role": "model"}, "index": 0}
        if at == len(pieces) - 1:
            candidate["finishReason"] = FINISH[answer.ended]
        built.append({"candidates": [candidate], "usageMetadata": usage(answer.usage)} | HEAD)
    return built


def stream(answer: Answer) -> list[bytes]:
    """The frames of a stream."""
    return [frame(one) for one in objects(answer)]


def frame(body: dict) -> bytes:
    return f"data: {json.dumps(body, ensure_ascii=False)}\r\n\r\n".encode()


def error(status: int, message: str) -> tuple[dict, dict]:
    """Header fields and body of a refusal."""
    words = {429: "RESOURCE_EXHAUSTED", 400: "INVALID_ARGUMENT", 500: "INTERNAL"}
    return {}, {"error": {"code": status, "message": message, "status": words[status]}}


def broken(message: str) -> bytes:
    """What the vendor says when it fails within a stream."""
    return frame(error(500, message)[1])
