"""The mock of Google's API, driven by Google's SDK without Evenhand between: it answers as the API would, and it refuses
what it refuses."""

import base64
import math
import re
from collections.abc import Callable

import httpx
import pytest
from google.genai import errors, types

from cases import CASES, CLOCK, WEATHER, Setting, weather
from clients import PNG
from gemini_client import GeminiClient


@pytest.fixture
def gemini(gemini_vendor) -> GeminiClient:
    return GeminiClient(gemini_vendor.url, gemini_vendor.key)


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "stream"])
@pytest.mark.parametrize("case", CASES, ids=lambda case: case.__name__)
def test_the_mock_answers_as_the_api_would(case, stream, gemini):
    case(Setting(gemini, "gemini", stream))


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "stream"])
def test_the_sdk_s_own_tool_loop_and_chat(stream, gemini):
    told = []

    def forecast(city: str, days: int) -> str:
        """The weather of a place."""
        told.append((city, days))
        return f"{days} warm days"

    chat = gemini.sdk.chats.create(model="mock-tools", config=types.GenerateContentConfig(tools=[forecast]))

    def say(text: str) -> str:
        if not stream:
            return chat.send_message(text).text
        return "".join(chunk.text or "" for chunk in chat.send_message_stream(text))

    assert say("Rome today").endswith('tool: forecast = {"result": "2 warm days"}')
    assert told == [("Rome today", 2)]
    # The SDK sends the pieces of a streamed answer as turns of their own.
    plain = gemini.sdk.chats.create(model="mock-echo")
    for _ in plain.send_message_stream("one two"):
        pass
    heard = plain.send_message("three").text
    assert heard == "user: one two\nassistant: user: one two\nuser: three"


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "stream"])
@pytest.mark.parametrize("model", ["mock-thinking", "mock-redacted"])
def test_signatures_are_wanted_back_unchanged(gemini, model, stream):
    thinking = types.ThinkingConfig(include_thoughts=True, thinking_level="LOW")
    asked = lambda turns: gemini.ask(model, turns, stream=stream, tools=[WEATHER, CLOCK], thinking_config=thinking)
    turns = [gemini.user("Rome today")]
    first = asked(turns)
    parts = first.turn.parts
    assert [bool(part.thought) for part in parts if part.text] == ([True] * (4 if stream else 1)) * (
        model == "mock-thinking"
    )
    (call,) = [part for part in parts if part.function_call]
    assert call.thought_signature and call.function_call.id
    turns += [first.turn, *gemini.results([(first.calls[0].id, "warm")])]
    assert asked(turns).text.endswith("weather = warm")
    whole, call.thought_signature = call.thought_signature, b"x" * 40
    with pytest.raises(errors.ClientError, match="signature is not valid"):
        asked(turns)
    call.thought_signature = None
    with pytest.raises(errors.ClientError, match="missing a thought_signature"):
        asked(turns)
    # Of turns that are over none is demanded.
    assert asked([*turns, gemini.user("And now?")]).calls
    call.thought_signature = base64.urlsafe_b64decode("skip_thought_signature_validator")
    assert asked(turns).text.endswith("weather = warm")
    assert whole


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "stream"])
def test_a_thought_without_a_call_signs_the_text(gemini, stream):
    thinking = types.ThinkingConfig(include_thoughts=True)
    first = gemini.ask("mock-thinking", [gemini.user("Rome")], stream=stream, thinking_config=thinking)
    assert first.text == "user: Rome"
    assert [bool(part.thought_signature) for part in first.turn.parts][-1]
    assert first.turn.parts[-1].text == ("" if stream else "user: Rome")
    assert gemini.ask("mock-echo", [gemini.user("Rome"), first.turn, gemini.user("And?")]).text.endswith("user: And?")


def test_schemas_of_both_kinds(gemini):
    older = types.GenerateContentConfig(
        response_mime_type="application/json",
        response_schema=types.Schema(type="OBJECT", properties={"n": types.Schema(type="INTEGER")}),
    )
    answer = gemini.sdk.models.generate_content(model="mock-echo", contents="a b c", config=older)
    assert answer.parsed == {"n": 3}


def test_several_answers_and_probabilities(gemini):
    config = types.GenerateContentConfig(candidate_count=2, response_logprobs=True, logprobs=2)
    got = gemini.sdk.models.generate_content(model="mock-echo", contents="a b", config=config)
    assert [candidate.index for candidate in got.candidates] == [None, 1]
    chosen = got.candidates[1].logprobs_result.chosen_candidates
    assert "".join(token.token for token in chosen) == "user: a b" and chosen[0].log_probability == -0.5
    assert [len(top.candidates) for top in got.candidates[0].logprobs_result.top_candidates] == [2, 2, 2]


def test_embeddings(gemini):
    texts = ["to be or not", "to be", "unlike"]
    got = gemini.sdk.models.embed_content(model="mock-embed", contents=texts)
    assert [len(one.values) for one in got.embeddings] == [64, 64, 64]
    assert math.hypot(*got.embeddings[0].values) == pytest.approx(1)
    assert got.usage_metadata.prompt_token_count == 7
    short = types.EmbedContentConfig(output_dimensionality=8, task_type="RETRIEVAL_DOCUMENT", title="T")
    assert (
        len(gemini.sdk.models.embed_content(model="mock-embed", contents="a", config=short).embeddings[0].values) == 8
    )


def test_one_text_is_embedded_alone(gemini_vendor):
    body = {"content": {"parts": [{"text": "to be"}]}, "outputDimensionality": 8}
    assert len(post(gemini_vendor, "mock-embed:embedContent", body).json()["embedding"]["values"]) == 8
    assert post(gemini_vendor, "mock-embed:embedContent", body | {"size": 8}).status_code == 400
    assert post(gemini_vendor, "mock-echo:embedContent", body).status_code == 404


def test_count_tokens(gemini, gemini_vendor):
    contents = [gemini.user("one two"), types.ModelContent("three"), gemini.user("four")]
    assert gemini.sdk.models.count_tokens(model="mock-echo", contents=contents).total_tokens == 4
    system = {"parts": [{"text": "two words"}]}
    whole = {
        "model": "models/mock-echo",
        "contents": [{"parts": [{"text": "and three more"}]}],
        "systemInstruction": system,
    }
    counted = post(gemini_vendor, "mock-echo:countTokens", {"generateContentRequest": whole})
    assert counted.json()["totalTokens"] == 5
    assert post(gemini_vendor, "mock-echo:countTokens", {}).status_code == 400


def test_models_and_their_pages(gemini, gemini_vendor):
    before = len(gemini_vendor.requests)
    models = {model.name: model for model in gemini.sdk.models.list(config={"page_size": 1000})}
    assert len(gemini_vendor.requests) - before == 2, "the list takes two pages"
    assert models["models/mock-echo"].display_name == "Mock Echo"
    assert models["models/mock-embed"].supported_actions == ["embedContent", "batchEmbedContents"]
    assert gemini.sdk.models.get(model="mock-echo").input_token_limit == 1_048_576
    for wrong in ({"page_size": 1001}, {"page_token": "x"}):
        with pytest.raises(errors.ClientError):
            gemini.sdk.models.list(config=wrong)


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "stream"])
@pytest.mark.parametrize(
    "model, status, word",
    [
        ("mock-429", 429, "RESOURCE_EXHAUSTED"),
        ("mock-500", 500, "INTERNAL"),
        ("mock-overloaded", 503, "UNAVAILABLE"),
        ("mock-nothing", 404, "NOT_FOUND"),
    ],
)
def test_errors_come_as_the_sdk_s_own(gemini, gemini_vendor, model, status, word, stream):
    with pytest.raises(errors.APIError) as caught:
        gemini.ask(model, [gemini.user("Hm")], stream=stream)
    assert (caught.value.code, caught.value.status) == (status, word)
    details = caught.value.details["error"].get("details", [])
    waits = [detail["retryDelay"] for detail in details if detail["@type"].endswith("RetryInfo")]
    assert waits == [f"{gemini_vendor.retry_after}s"] * (status == 429)


@pytest.mark.parametrize("model", ["mock-cut", "mock-error-mid", "mock-truncated"])
def test_a_broken_stream_is_no_clean_end(gemini, model):
    with pytest.raises(Exception) as caught:
        gemini.ask(model, [gemini.user("one two three")], stream=True)
    if model == "mock-error-mid":
        assert isinstance(caught.value, errors.ServerError) and caught.value.status == "UNAVAILABLE"


def test_credentials(gemini_vendor):
    with pytest.raises(errors.ClientError, match="API key not valid") as caught:
        GeminiClient(gemini_vendor.url, "wrong").ask("mock-echo", [types.UserContent("Hi")])
    assert caught.value.details["error"]["details"][0]["reason"] == "API_KEY_INVALID"
    body = {"contents": [{"parts": [{"text": "Hi"}]}]}
    url = f"{gemini_vendor.url}/v1beta/models/mock-echo:generateContent"
    assert httpx.post(url, json=body).status_code == 403
    assert httpx.post(url, json=body, params={"key": gemini_vendor.key}).status_code == 200
    bearer = {"authorization": f"Bearer {gemini_vendor.key}", "x-goog-api-key": gemini_vendor.key}
    assert httpx.post(url, json=body, headers=bearer).status_code == 400


def post(vendor, call: str, body: dict | None = None, **more) -> httpx.Response:
    given = {"json": body} if body is not None else more
    url = f"{vendor.url}/v1beta/models/{call}"
    return httpx.post(url, headers={"x-goog-api-key": vendor.key} | more.pop("headers", {}), **given)


def turn(*parts: dict, role: str = "user") -> dict:
    return {"role": role, "parts": list(parts)}


def text(said: str) -> dict:
    return {"text": said}


def picture(kind: str, data: bytes | str) -> dict:
    data = data if isinstance(data, str) else base64.b64encode(data).decode()
    return {"contents": [turn({"inlineData": {"mimeType": kind, "data": data}})]}


HI = turn(text("Hi"))
SKIP = {"thoughtSignature": "skip_thought_signature_validator"}
CALL = {"functionCall": {"name": "clock", "args": {}}}
CALLS = turn(CALL | SKIP, role="model")
RESPONSE = {"functionResponse": {"name": "clock", "response": {"output": "noon"}}}
TOLD = turn(RESPONSE)
FUNCTION = {"name": "clock", "parametersJsonSchema": CLOCK["schema"]}


def functions(*declared: dict, **config) -> dict:
    choice = {"toolConfig": {"functionCallingConfig": config}} if config else {}
    return {"tools": [{"functionDeclarations": list(declared)}]} | choice


def config(**fields) -> dict:
    return {"generationConfig": fields}


def schema(given: dict) -> dict:
    return config(responseMimeType="application/json", responseJsonSchema=given)


FAULTS = {
    "unknown field": ({"topP": 1}, 'Unknown name "topP"'),
    "unknown field inside": ({"contents": [HI | {"name": "x"}]}, "Unknown name \"name\" at 'contents\\[0\\]'"),
    "sampling at the top": ({"temperature": 1}, 'Unknown name "temperature"'),
    "wrong type": (config(temperature="warm"), "generationConfig.temperature"),
    "unknown word": (config(thinkingConfig={"thinkingLevel": "HUGE"}), "HUGE"),
    "a word of the cloud's": (functions(FUNCTION, streamFunctionCallArguments=True), "streamFunctionCallArguments"),
    "no contents": ({"contents": []}, "contents is not specified"),
    "missing contents": ({"contents": ...}, "contents is not specified"),
    "no parts": ({"contents": [turn()]}, "parts must not be empty"),
    "empty part": ({"contents": [turn({})]}, "required oneof field"),
    "two in a part": ({"contents": [turn(text("a") | RESPONSE)]}, "required oneof field"),
    "empty text": ({"contents": [turn(text(""))]}, "must not be empty"),
    "unknown role": ({"contents": [HI | {"role": "assistant"}]}, "valid role"),
    "model first": ({"contents": [turn(text("a"), role="model"), HI]}, "begin with a user"),
    "instructions with a picture": (
        {"systemInstruction": {"parts": [{"inlineData": {"mimeType": "image/png", "data": ""}}]}},
        "only text",
    ),
    "response without call": ({"contents": [HI, turn(text("a"), role="model"), TOLD]}, "immediately after"),
    "call without response": ({"contents": [HI, CALLS, HI]}, "number of function response parts"),
    "call at the end": ({"contents": [HI, CALLS]}, "followed by a function response"),
    "response twice": ({"contents": [HI, CALLS, turn(RESPONSE, RESPONSE)]}, "number of function response parts"),
    "response after text": ({"contents": [HI, CALLS, turn(text("So"), RESPONSE)]}, "before other parts"),
    "response of another": (
        {"contents": [HI, CALLS, turn({"functionResponse": {"name": "x", "response": {}}})]},
        "does not match",
    ),
    "response with a strange id": (
        {"contents": [HI, CALLS, turn({"functionResponse": RESPONSE["functionResponse"] | {"id": "x"}})]},
        "does not match",
    ),
    "response as text": (
        {"contents": [HI, CALLS, turn({"functionResponse": {"name": "clock", "response": "noon"}})]},
        "response",
    ),
    "arguments as text": (
        {"contents": [HI, turn({"functionCall": {"name": "clock", "args": "{}"}}, role="model"), TOLD]},
        "args",
    ),
    "user's call": ({"contents": [turn(CALL)]}, "not allowed"),
    "no signature": ({"contents": [HI, turn(CALL, role="model"), TOLD]}, "missing a thought_signature"),
    "forged signature": (
        {"contents": [HI, turn(CALL | {"thoughtSignature": "eA=="}, role="model"), TOLD]},
        "not valid",
    ),
    "signature that is no base64": ({"contents": [turn(text("a") | {"thoughtSignature": "%"})]}, "base64"),
    "bad picture": (picture("image/png", b"not a picture"), "does not match"),
    "bad base64": (picture("image/png", "%%%"), "base64"),
    "picture of a kind": (picture("image/tiff", PNG), "Unsupported MIME type"),
    "no kind": ({"contents": [turn({"inlineData": {"data": "AA=="}})]}, "mime_type"),
    "function's name": (functions({"name": "a/b"}), "Invalid function name"),
    "function's first letter": (functions({"name": "2nd"}), "Invalid function name"),
    "long name": (functions({"name": "a" * 65}), "Invalid function name"),
    "function twice": (functions(FUNCTION, FUNCTION), "Duplicate function"),
    "schema of an array": (functions({"name": "f", "parametersJsonSchema": {"type": "array"}}), "OBJECT"),
    "schema invalid": (functions({"name": "f", "parametersJsonSchema": {"type": "nothing"}}), "JSON schema is invalid"),
    "two schemas": (functions(FUNCTION | {"parameters": {"type": "OBJECT"}}), "only one of"),
    "empty tool": ({"tools": [{}]}, "tool_type"),
    "choice alone": ({"toolConfig": {"functionCallingConfig": {"mode": "AUTO"}}}, "without function_declarations"),
    "chosen function": (functions(FUNCTION, mode="ANY", allowedFunctionNames=["x"]), "subset"),
    "chosen without ANY": (functions(FUNCTION, mode="AUTO", allowedFunctionNames=["clock"]), "ANY"),
    "too hot": (config(temperature=2.5), "range"),
    "no tokens": (config(maxOutputTokens=0), "range"),
    "long seed": (config(seed=2**31), "range"),
    "six stops": (config(stopSequences=list("abcdef")), "stop_sequences"),
    "probabilities unasked": (config(logprobs=2), "response_logprobs"),
    "level and budget": (config(thinkingConfig={"thinkingLevel": "LOW", "thinkingBudget": 5}), "only one"),
    "large budget": (config(thinkingConfig={"thinkingBudget": 50_000}), "thinking budget"),
    "schema of text": (config(responseJsonSchema={"type": "object"}), "response_mime_type"),
    "unsupported keyword": (schema({"type": "string", "pattern": "a"}), "unsupported keyword"),
    "keyword inside": (schema({"type": "object", "properties": {"a": {"const": 1}}}), "properties.a"),
    "reference with a neighbour": (
        schema({"$ref": "#/$defs/a", "description": "d", "$defs": {"a": {"type": "string"}}}),
        "no other properties",
    ),
    "reference elsewhere": (schema({"type": "object", "properties": {"a": {"$ref": "#"}}}), "unresolvable"),
    "truth in a list": (schema({"enum": [True]}), "strings and numbers"),
    "filter twice": (
        {"safetySettings": [{"category": "HARM_CATEGORY_HARASSMENT", "threshold": "OFF"}] * 2},
        "duplicate category",
    ),
    "unknown filter": ({"safetySettings": [{"category": "HARASSMENT", "threshold": "OFF"}]}, "HARASSMENT"),
    "label in capitals": ({"labels": {"Team": "a"}}, "Invalid label"),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_google_refuses(gemini_vendor, fault):
    change, words = FAULTS[fault]
    body = {name: value for name, value in ({"contents": [HI]} | change).items() if value is not ...}
    for method in ("generateContent", "streamGenerateContent?alt=sse"):
        answer = post(gemini_vendor, f"mock-echo:{method}", body)
        error = answer.json()["error"]
        assert (answer.status_code, error["code"], error["status"]) == (400, 400, "INVALID_ARGUMENT")
        assert re.search(words, error["message"]), error["message"]


GOOD: dict[str, Callable[[], dict]] = {
    "names as in protocol buffers": lambda: {"contents": [HI], "generation_config": {"max_output_tokens": 9}},
    "a call and its response": lambda: {"contents": [HI, CALLS, TOLD]},
    "words after a response": lambda: {"contents": [HI, CALLS, turn(RESPONSE, text("So?"))]},
    "pieces of an answer": lambda: {"contents": [HI, turn(text("a"), role="model"), turn(text("b"), role="model"), HI]},
    "a call without history": lambda: (
        functions(FUNCTION, mode="ANY", allowedFunctionNames=["clock"]) | {"contents": [HI]}
    ),
    "a name with dots": lambda: functions({"name": "ns.a:b-c"}) | {"contents": [HI]},
}


@pytest.mark.parametrize("good", GOOD)
def test_google_takes(gemini_vendor, good):
    answer = post(gemini_vendor, "mock-echo:generateContent", GOOD[good]())
    assert answer.status_code == 200, answer.text


@pytest.mark.parametrize(
    "change",
    [
        {"requests": []},
        {"requests": [{}] * 101},
        {"requests": [{"model": "models/other", "content": HI}]},
        {"requests": [{"model": "models/mock-embed", "content": turn(text(""))}]},
        {"requests": [{"model": "models/mock-embed", "content": HI, "outputDimensionality": 0}]},
        {"requests": [{"model": "models/mock-embed", "content": HI, "dimensions": 3}]},
        {"input": "a"},
    ],
    ids=str,
)
def test_google_refuses_embeddings(gemini_vendor, change):
    assert post(gemini_vendor, "mock-embed:batchEmbedContents", change).status_code == 400


@pytest.mark.parametrize("body", [b"{", b"[]", b'{"contents": [], "contents": []}', b'{"a": NaN}', b"\xff"], ids=repr)
def test_what_is_no_json_object_is_refused(gemini_vendor, body):
    answer = post(
        gemini_vendor, "mock-echo:generateContent", content=body, headers={"content-type": "application/json"}
    )
    assert (answer.status_code, answer.json()["error"]["status"]) == (400, "INVALID_ARGUMENT")


def test_what_is_not_there(gemini_vendor):
    assert post(gemini_vendor, "mock-echo:sing", {}).json()["error"]["status"] == "NOT_FOUND"
    assert post(gemini_vendor, "mock-echo:streamGenerateContent", {"contents": [HI]}).status_code == 400
    assert post(gemini_vendor, "mock-echo:generateContent?size=1", {"contents": [HI]}).status_code == 400


def test_the_mock_fills_arguments_in(gemini):
    asked = gemini.ask("mock-tools", [gemini.user("Rome today")], tools=[WEATHER])
    assert asked.calls[0].arguments == weather("Rome today")
