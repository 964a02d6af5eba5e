"""Cases 26 to 28: usage and embeddings."""

import base64
import json
import re
import struct

import pytest

from fidelity.scripted import Reply
from fidelity.stage import Pair, nulls
from fidelity.words import Ask, Usage, answer, user

fidelity = pytest.mark.fidelity

SPENT = Usage(input=20, output=9, read=4, written=3, written_1h=2, thought=5)
# What each vendor's account has of it.
TOLD = {
    "openai": Usage(20, 9, read=4, thought=5),
    "openai-responses": Usage(20, 9, read=4, written=3, thought=5),
    "anthropic": SPENT,
    "bedrock": Usage(20, 9, read=4, written=3, written_1h=2),
    "gemini": Usage(20, 9, read=4, thought=5),
}


@fidelity(
    26,
    "OpenAI's input has cached tokens in it, Anthropic's has not; counts add up; writes of 5 minutes and an hour apart",
)
def test_26_usage(to: Pair) -> None:
    _, got = to.ask(Ask([user("Hi")]), answer("Hello.", usage=SPENT))
    told = TOLD[to.provider]
    if to.dialect != "messages":
        # Its account has one number for all writes.
        told = Usage(told.input, told.output, told.read, told.written + told.written_1h, 0, told.thought)
    assert got.usage == told


# The least that each vendor, or a server that speaks as it does, says.
BARE = {
    "openai": {"prompt_tokens": 12, "completion_tokens": 7, "total_tokens": 19},
    "openai-responses": {"input_tokens": 12, "output_tokens": 7, "total_tokens": 19},
    "anthropic": {"input_tokens": 12, "output_tokens": 7},
    "bedrock": {"inputTokens": 12, "outputTokens": 7, "totalTokens": 19},
    "gemini": {"promptTokenCount": 12, "candidatesTokenCount": 7, "totalTokenCount": 19},
}
NOTHING = {
    "chat": dict.fromkeys(
        ("temperature", "stop", "tools", "tool_choice", "response_format", "seed", "user", "logprobs"), None
    ),
    "responses": dict.fromkeys(("temperature", "tools", "text", "reasoning", "user", "top_p", "instructions"), None),
    "messages": dict.fromkeys(("temperature", "stop_sequences", "system", "tools", "thinking", "metadata"), None),
}


@fidelity(27, "What is absent is left out, never `null`")
def test_27_absent(to: Pair, monkeypatch: pytest.MonkeyPatch) -> None:
    if not to.native:
        # What goes on as it is may have them; `ask` looks for them everywhere else.
        seen, _ = to.ask(Ask([user("Hi")], own=NOTHING))
        assert nulls(seen.body) == []
    monkeypatch.setattr(to.wire, "usage", lambda _: BARE[to.provider])
    if to.native and to.provider == "openai-responses":
        # Its own SDK demands more, and gets what the server says.
        return
    _, got = to.ask(Ask([user("Hi")]), answer("Hello."))
    assert got.usage == Usage(12, 7)
    assert not re.search(rb'tokens":\s*null', got.raw)


IN_CHAT = dict.fromkeys(("responses", "messages"), "Embeddings are asked for in OpenAI's words only: see Chat.")
EMBEDS = IN_CHAT | {"anthropic": "The vendor has no embeddings."}
TITAN = "amazon.titan-embed-text-v2:0"
VECTORS = [[0.25, -0.5, 1.0], [0.0, 0.125, -2.0]]


def replies(to: Pair, vectors: list[list[float]]) -> list[Reply]:
    """What the vendor answers for these, in its own order."""
    match to.provider:
        case "bedrock":
            # One request for each.
            return [Reply(json.dumps({"embedding": one, "inputTextTokenCount": 2}).encode()) for one in vectors]
        case "gemini":
            body = {
                "embeddings": [{"values": one} for one in vectors],
                "usageMetadata": {"promptTokenCount": 2 * len(vectors)},
            }
        case _:
            data = [{"object": "embedding", "index": at, "embedding": one} for at, one in enumerate(vectors)]
            count = 2 * len(vectors)
            usage = {"prompt_tokens": count, "total_tokens": count}
            body = {"object": "list", "data": data[::-1], "model": "text-embedding-3-small", "usage": usage}
    return [Reply(json.dumps(body).encode())]


def embed(to: Pair, body: dict, vectors: list[list[float]]) -> dict:
    """Asks for embeddings; the body of the answer, which is the vendor's where it is native."""
    plugin, model = to.model.split("/")
    to.vendor.replies.clear()
    to.vendor.replies.extend(replies(to, vectors))
    to.vendor.requests.clear()
    to.vendor.faults.clear()
    asked = {"model": f"{plugin}/{TITAN if to.provider == 'bedrock' else model}"} | body
    answered = to.http.post(
        f"{to.evenhand.url}/v1/embeddings", json=asked, headers={"authorization": f"Bearer {to.key}"}
    )
    assert answered.status_code == 200, (answered.text, to.vendor.faults)
    return answered.json()


def is_native(to: Pair) -> bool:
    """Both of OpenAI's plugins speak embeddings, but for those that translate all and the one that has Responses alone."""
    return to.provider == "openai" and not to.translated


def numbers(said: dict, base64s: bool) -> list[list[float]]:
    """The vectors in the order of the inputs."""
    assert said["object"] == "list" and [one["object"] for one in said["data"]] == ["embedding"] * len(said["data"])
    data = sorted(said["data"], key=lambda one: one["index"])
    if not base64s:
        return [one["embedding"] for one in data]
    raw = [base64.b64decode(one["embedding"]) for one in data]
    return [list(struct.unpack(f"<{len(one) // 4}f", one)) for one in raw]


@fidelity(28, "Embeddings: numbers or base64, dimensions, token numbers, batches in order", na=EMBEDS, streams=(False,))
def test_28_embeddings(to: Pair) -> None:
    said = embed(to, {"input": ["one", "two"], "encoding_format": "float"}, VECTORS)
    assert numbers(said, False) == VECTORS
    assert said["usage"] == {"prompt_tokens": 4, "total_tokens": 4}
    if not is_native(to):
        assert [one["index"] for one in said["data"]] == [0, 1]
        assert numbers(embed(to, {"input": ["one", "two"], "encoding_format": "base64"}, VECTORS), True) == VECTORS
    size = 256
    embed(to, {"input": "one", "dimensions": size}, [VECTORS[0]])
    assert str(size) in str(to.asked()[-1].json)
    if to.provider in ("openai", "openai-responses"):
        assert numbers(embed(to, {"input": [[1, 2], [3]]}, VECTORS), False) == VECTORS
        assert to.asked()[-1].json["input"] == [[1, 2], [3]]
    else:
        asked = {"model": f"{to.provider}/{TITAN if to.provider == 'bedrock' else to.wire.MODEL}", "input": [[1, 2]]}
        refused = to.http.post(
            f"{to.evenhand.url}/v1/embeddings", json=asked, headers={"authorization": f"Bearer {to.key}"}
        )
        assert refused.status_code == 400 and "input" in refused.text
