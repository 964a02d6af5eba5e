"""Cases 33 to 38: what today's clients really send."""

import anthropic
import httpx
import openai
import pytest

from fidelity.stage import Pair
from fidelity.test_usage import EMBEDS, TITAN, VECTORS, embed, is_native, numbers, replies
from fidelity.test_messages_and_tools import CITY
from fidelity.words import Ask, Call, Text, Turn, answer, system, user

fidelity = pytest.mark.fidelity

ANTHROPICS = dict.fromkeys(("chat", "responses"), "Anthropic's own clients send it.")


@fidelity(33, "The tool runner's `thread` is refused in the words that it understands", na=ANTHROPICS)
def test_33_threads(to: Pair) -> None:
    ask = Ask([user("Hi")], own={"messages": {"thread": {"type": "auto"}}})
    if to.native:
        # Its own vendor has threads.
        to.send(ask)
        assert to.asked()[-1].json["thread"] == {"type": "auto"}
        return
    got = to.send(ask)
    assert got.status == 400 and not to.asked()
    assert got.body["error"]["details"]["error_code"] == "thread_unsupported_request"


@fidelity(
    34,
    "Claude Code's request: `?beta=true`, a system message among the others, adaptive thinking, context management, an effort",
    na=ANTHROPICS,
)
def test_34_claude_code(to: Pair) -> None:
    own = {
        "thinking": {"type": "adaptive"},
        "context_management": {"edits": [{"type": "clear_thinking_20251015", "keep": "all"}]},
        "output_config": {"effort": "high"},
        "metadata": {"user_id": '{"device_id":"d1","session_id":"s1"}'},
    }
    turns = [
        system("You are Claude Code.", "5m"),
        user("Hi"),
        Turn("system", (Text("The date is today."),)),
        user("Go on."),
    ]
    betas = {"anthropic-beta": "claude-code-20250219,context-management-2025-06-27,effort-2025-11-24"}
    ask = Ask(turns, own={"messages": own}, headers=betas, query="?beta=true")
    if to.native:
        # The vendor's rules are of the API without betas; what counts is that nothing is touched.
        to.send(ask)
        request = to.asked()[-1]
        assert request.json == to.client.write(ask, to.wire.MODEL, to.stream)
        assert request.query == "beta=true" and request.headers["anthropic-beta"] == betas["anthropic-beta"]
        return
    if to.provider == "anthropic":
        to.send(ask)
        body = to.asked()[-1].json
        assert {name: body[name] for name in own if name != "metadata"} == {
            name: own[name] for name in own if name != "metadata"
        }
        assert set(to.asked()[-1].headers["anthropic-beta"].split(",")) == set(betas["anthropic-beta"].split(","))
        return
    seen, got = to.ask(ask)
    told = "\n".join(part.text for part in [*seen.system, *seen.all(Text)])
    assert "You are Claude Code." in told and "The date is today." in told and "Go on." in told
    body = seen.body
    match to.provider:
        case "openai":
            assert body["reasoning_effort"] == "high"
        case "openai-responses":
            assert body["reasoning"]["effort"] == "high"
        case "bedrock":
            extra = body["additionalModelRequestFields"]
            assert extra["thinking"] == {"type": "adaptive"} and body["outputConfig"] == {"effort": "high"}
            assert extra["context_management"] == own["context_management"]
        case "gemini":
            assert body["generationConfig"]["thinkingConfig"]["thinkingLevel"].lower() == "high"
    if to.provider != "bedrock":
        assert "context_management" in got.warnings


CODEX = dict.fromkeys(("chat", "messages"), "Codex speaks OpenAI Responses.")


@fidelity(
    35, "Codex' namespaces of tools come back with their calls; nothing is stored, thoughts come encrypted", na=CODEX
)
def test_35_codex(to: Pair) -> None:
    tool = {"type": "function", "name": "read", "description": "Reads", "parameters": CITY, "strict": False}
    space = {"type": "namespace", "name": "mcp__files", "description": "Files", "tools": [tool]}
    own = {"tools": [space], "store": False, "include": ["reasoning.encrypted_content"], "prompt_cache_key": "k1"}
    ask = Ask([user("Read.")], own={"responses": own})
    if to.native:
        to.send(ask)
        assert to.asked()[-1].json == to.client.write(ask, to.wire.MODEL, to.stream)
        return
    seen, _ = to.ask(ask)
    (sent,) = seen.tools
    assert sent.schema["properties"] == CITY["properties"]
    _, got = to.ask(ask, answer(Call("call_1", sent.name, '{"city": "Rome"}')))
    (item,) = [item for item in got.body["output"] if item["type"] == "function_call"]
    assert (item["namespace"], item["name"]) == ("mcp__files", "read")
    assert got.body["store"] is False


NOTHING_NEW = "OpenAI Chat has no new demands."


@fidelity(36, "`cache_write_tokens` in Responses; `lifecycle` of Anthropic's models", na={"chat": NOTHING_NEW})
def test_36_new_fields(to: Pair) -> None:
    if to.dialect == "responses":
        _, got = to.ask(Ask([user("Hi")]))
        assert isinstance(got.body["usage"]["input_tokens_details"]["cache_write_tokens"], int)
        return
    listed = listing(to).json()["data"]
    (entry,) = [one for one in listed if one["id"] == to.model]
    # A vendor that says so itself is believed.
    assert entry["lifecycle"] == ("deprecated" if to.provider == "anthropic" else "active")


@fidelity(37, "Embeddings with `encoding_format: null`, and as the SDK asks for them", na=EMBEDS, streams=(False,))
def test_37_embedding_clients(to: Pair) -> None:
    # Frameworks send what they have not set as null.
    asked = {"input": ["one", "two"], "encoding_format": None}
    assert numbers(embed(to, asked, VECTORS), False) == VECTORS
    sent = to.asked()[-1].json
    assert is_native(to) or None not in sent.values()
    # The SDK asks for base64 where nothing is said, and reads both.
    plugin, model = to.model.split("/")
    to.vendor.replies.extend(replies(to, VECTORS))
    with openai.OpenAI(base_url=f"{to.evenhand.url}/v1", api_key=to.key, max_retries=0) as sdk:
        name = f"{plugin}/{TITAN if to.provider == 'bedrock' else model}"
        read = sdk.embeddings.create(model=name, input=["one", "two"])
    assert [one.embedding for one in sorted(read.data, key=lambda one: one.index)] == VECTORS


def listing(to: Pair) -> httpx.Response:
    headers = {"authorization": f"Bearer {to.key}"} | getattr(to.client, "HEADERS", {})
    return to.http.get(f"{to.evenhand.url}/v1/models", headers=headers)


@fidelity(38, "One list of models for both SDKs: its shape follows `anthropic-version`", streams=(False,))
def test_38_models(to: Pair) -> None:
    if to.dialect == "messages":
        with anthropic.Anthropic(base_url=to.evenhand.url, api_key=to.key, max_retries=0) as sdk:
            models = list(sdk.models.list())
        found = next(model for model in models if model.id == to.model)
        assert found.type == "model" and found.display_name and found.created_at
    else:
        with openai.OpenAI(base_url=f"{to.evenhand.url}/v1", api_key=to.key, max_retries=0) as sdk:
            models = list(sdk.models.list())
        found = next(model for model in models if model.id == to.model)
        assert found.object == "model" and found.owned_by and isinstance(found.created, int)
    shape = {"type", "display_name"} if to.dialect == "messages" else {"object", "owned_by"}
    assert all(shape <= set(one) for one in listing(to).json()["data"])
