"""The mock of OpenAI's Responses API, driven by OpenAI's SDK without Evenhand between: it answers as the API would, and it
refuses what it refuses."""

import base64

import openai
import pytest
from cases import CASES, CLOCK, WEATHER, Setting, stop_sequences
from harness import wait_for
from responses_client import ResponsesClient


@pytest.fixture
def gpt(own_vendors) -> ResponsesClient:
    vendor = own_vendors["openai"]
    vendor.open_gate()
    return ResponsesClient(vendor.url, vendor.key)


STREAM = pytest.mark.parametrize("stream", [False, True], ids=["whole", "stream"])
ENCRYPTED = {"store": False, "include": ["reasoning.encrypted_content"]}


@STREAM
@pytest.mark.parametrize("case", [case for case in CASES if case is not stop_sequences], ids=lambda case: case.__name__)
def test_the_mock_answers_as_the_api_would(case, stream, gpt):
    case(Setting(gpt, "openai-responses", stream))


@STREAM
@pytest.mark.parametrize("model", ["mock-thinking", "mock-redacted", "mock-reasoning"])
def test_thoughts_come_back_unchanged_or_not_at_all(gpt, model, stream):
    asking = ENCRYPTED | {"reasoning": {"effort": "low", "summary": "auto"}, "tools": [WEATHER], "stream": stream}
    turns = [gpt.user("Rome today")]
    asked = gpt.ask(model, turns, **asking)
    thought = asked.turn["items"][0]
    assert [item["type"] for item in asked.turn["items"]] == ["reasoning", "function_call"]
    assert len(thought["summary"]) == (2 if model == "mock-thinking" else 0)
    assert ("encrypted_content" in thought) == (model != "mock-reasoning") == ("content" not in thought)
    results = gpt.results([(asked.calls[0].id, "warm")])
    assert gpt.ask(model, [*turns, asked.turn, *results], **asking).text.endswith("weather = warm")

    def refused(*items, words: str) -> None:
        with pytest.raises(openai.APIStatusError, match=words):
            gpt.ask(model, [*turns, *items, *results], **asking)

    call = asked.turn["items"][1]
    refused(call, thought, words="without its required following item")
    if model == "mock-reasoning":
        return
    secret = thought["encrypted_content"]
    forged = secret[:5] + base64.urlsafe_b64encode(b"x" * 32 + base64.urlsafe_b64decode(secret[5:])[32:]).decode()
    refused(thought | {"encrypted_content": forged}, call, words="could not be verified")
    refused(thought | {"encrypted_content": "nonsense"}, call, words="could not be verified")
    refused(thought | {"id": "rs_other"}, call, words="did not match the target item id")
    refused({name: thought[name] for name in ("id", "type", "summary")}, call, words="Items are not persisted")
    refused(thought | {"id": "thought_1"}, call, words="begins with 'rs'")


HOSTED = [
    ({"type": "web_search"}, ["web_search_call"]),
    ({"type": "file_search", "vector_store_ids": ["vs_1"]}, ["file_search_call"]),
    ({"type": "code_interpreter", "container": {"type": "auto"}}, ["code_interpreter_call"]),
    ({"type": "image_generation"}, ["image_generation_call"]),
    ({"type": "mcp", "server_label": "l", "server_url": "https://mcp.example"}, ["mcp_list_tools", "mcp_call"]),
]


@STREAM
@pytest.mark.parametrize("tool, kinds", HOSTED, ids=[tool["type"] for tool, _ in HOSTED])
def test_tools_that_the_vendor_runs(gpt, tool, kinds, stream):
    turns = [gpt.user("red pandas")]
    found = gpt.ask("mock-tools", turns, stream=stream, extra_body={"tools": [tool]})
    items = found.turn["items"]
    assert [item["type"] for item in items] == [*kinds, "message"] and found.text == "Found: red pandas"
    assert all(item.get("status", "completed") == "completed" for item in items)
    (part,) = items[-1]["content"]
    assert len(part["annotations"]) == (tool["type"] == "web_search")
    # What the vendor said is what it takes back.
    told = gpt.ask("mock-echo", [*turns, found.turn, gpt.user("So?")], stream=stream)
    assert told.text == "user: red pandas\nassistant: Found: red pandas\nuser: So?"


@STREAM
def test_free_form_tools(gpt, stream):
    turns = [gpt.user("*** Begin")]
    asking = {"stream": stream, "extra_body": {"tools": [{"type": "custom", "name": "patch"}]}}
    asked = gpt.ask("mock-tools", turns, **asking)
    (call,) = asked.turn["items"]
    assert (call["type"], call["name"], call["input"]) == ("custom_tool_call", "patch", "*** Begin")
    result = {"type": "custom_tool_call_output", "call_id": call["call_id"], "output": "done"}
    assert gpt.ask("mock-tools", [*turns, asked.turn, result], **asking).text.endswith("tool: patch = done")


def test_stored_responses(gpt):
    first = gpt.sdk.responses.create(model="mock-echo", input="One?", instructions="Be brief.")
    second = gpt.sdk.responses.create(model="mock-echo", input=[gpt.user("Two?")], previous_response_id=first.id)
    # Instructions are not carried over.
    assert first.output_text == "system: Be brief.\nuser: One?"
    assert second.output_text == f"user: One?\nassistant: {first.output_text}\nuser: Two?"
    assert gpt.sdk.responses.retrieve(second.id).output_text == second.output_text
    listed = gpt.sdk.responses.input_items.list(second.id)
    assert [(item.role, item.content[0].text) for item in listed] == [("user", "Two?")]
    gpt.sdk.responses.delete(second.id)
    for gone in (gpt.sdk.responses.retrieve, gpt.sdk.responses.delete):
        with pytest.raises(openai.NotFoundError, match=f"'{second.id}' not found"):
            gone(second.id)
    with pytest.raises(openai.BadRequestError, match="Previous response") as caught:
        gpt.sdk.responses.create(model="mock-echo", input="Three?", previous_response_id=second.id)
    assert caught.value.code == "previous_response_not_found"
    unkept = gpt.sdk.responses.create(model="mock-echo", input="Hm", store=False)
    with pytest.raises(openai.NotFoundError):
        gpt.sdk.responses.retrieve(unkept.id)
    with pytest.raises(openai.BadRequestError, match="synchronous"):
        gpt.sdk.responses.cancel(first.id)


def test_thoughts_that_are_kept_can_be_named(gpt):
    asked = gpt.sdk.responses.create(model="mock-thinking", input="Rome", tools=[FUNCTION])
    names = [{"type": "item_reference", "id": item.id} for item in asked.output]
    told = gpt.ask("mock-thinking", [gpt.user("Rome"), *names, *gpt.results([(asked.output[1].call_id, "noon")])])
    assert told.text.endswith("tool: clock = noon")
    with pytest.raises(openai.NotFoundError, match="Item with id"):
        gpt.ask("mock-echo", [{"type": "item_reference", "id": "msg_nothing"}])


def test_pages_of_input(gpt):
    turns = [gpt.user(word) for word in "abcde"]
    made = gpt.sdk.responses.create(model="mock-echo", input=turns)
    for order, words in (("asc", "abcde"), ("desc", "edcba")):
        listed = gpt.sdk.responses.input_items.list(made.id, limit=2, order=order)
        assert len(listed.data) == 2 and listed.has_more
        assert "".join(item.content[0].text for item in listed) == words


def test_background(gpt, own_vendors):
    vendor = own_vendors["openai"]
    vendor.close_gate()
    made = [gpt.sdk.responses.create(model="mock-slow", input=word, background=True) for word in ("one", "two")]
    assert [one.status for one in made] == ["queued", "queued"]
    assert gpt.sdk.responses.retrieve(made[0].id).status == "queued"
    assert gpt.sdk.responses.cancel(made[0].id).status == "cancelled"
    vendor.open_gate()
    wait_for("the end", lambda: gpt.sdk.responses.retrieve(made[1].id).status == "completed")
    assert gpt.sdk.responses.retrieve(made[1].id).output_text == "user: two"
    assert gpt.sdk.responses.retrieve(made[0].id).status == "cancelled"
    with pytest.raises(openai.BadRequestError, match="must not be false"):
        gpt.sdk.responses.create(model="mock-echo", input="x", background=True, store=False)


def test_a_stream_is_taken_up_again(gpt):
    events = list(gpt.sdk.responses.create(model="mock-echo", input="one two", background=True, stream=True))
    assert [event.sequence_number for event in events] == list(range(len(events)))
    assert events[0].type == "response.queued"
    rest = list(gpt.sdk.responses.retrieve(events[0].response.id, stream=True, starting_after=4))
    assert [event.model_dump() for event in rest] == [event.model_dump() for event in events[5:]]
    plain = gpt.sdk.responses.create(model="mock-echo", input="one two")
    with pytest.raises(openai.BadRequestError, match="streamed again"):
        list(gpt.sdk.responses.retrieve(plain.id, stream=True))


def test_tokens_are_counted(gpt):
    counted = gpt.sdk.responses.input_tokens.count(model="mock-echo", instructions="two words", input="and three more")
    assert counted.input_tokens == 5


@STREAM
def test_odds(gpt, stream):
    asking = {"include": ["message.output_text.logprobs"], "top_logprobs": 2}
    made = gpt.sdk.responses.create(model="mock-echo", input="one two", stream=stream, **asking)
    if stream:
        odds = [token for event in made if event.type == "response.output_text.delta" for token in event.logprobs]
    else:
        odds = made.output[0].content[0].logprobs
    assert "".join(token.token for token in odds) == "user: one two"
    assert all(len(token.top_logprobs) == 2 for token in odds)


@STREAM
@pytest.mark.parametrize(
    "model, status", [("mock-429", 429), ("mock-500", 500), ("mock-overloaded", 503), ("mock-no", 404)]
)
def test_errors_come_as_the_sdk_s_own(gpt, own_vendors, model, status, stream):
    with pytest.raises(openai.APIStatusError) as caught:
        gpt.ask(model, [gpt.user("Hm")], stream=stream)
    assert caught.value.status_code == status
    waits = own_vendors["openai"].retry_after if status == 429 else None
    assert caught.value.response.headers.get("retry-after") == waits


@pytest.mark.parametrize(
    "model, kind", [("mock-cut", "APIConnectionError"), ("mock-error-mid", None), ("mock-truncated", None)]
)
def test_a_broken_stream_is_no_clean_end(gpt, model, kind):
    if kind:
        with pytest.raises(Exception) as caught:
            gpt.ask(model, [gpt.user("one two three")], stream=True)
        assert type(caught.value).__name__ == kind
        return
    events = list(gpt.sdk.responses.create(model=model, input="one two three", stream=True))
    assert [event.sequence_number for event in events] == list(range(len(events)))
    assert all(event.type != "response.completed" for event in events)
    assert (events[-1].type == "error") == (model == "mock-error-mid")


FUNCTION = {"type": "function", "name": "clock", "parameters": CLOCK["schema"], "strict": True}
CALL = {"type": "function_call", "call_id": "c1", "name": "clock", "arguments": "{}"}
TOLD = {"type": "function_call_output", "call_id": "c1", "output": "noon"}
HI = {"role": "user", "content": "Hi"}
OPEN_SCHEMA = {"type": "object", "properties": {"a": {"type": "string"}}}
NOT_PNG = base64.b64encode(b"not a picture").decode()


def said(role: str, *parts: dict) -> dict:
    return {"input": [{"role": role, "content": list(parts)}]}


FAULTS = {
    "unknown field": ({"stop": ["x"]}, "Unknown parameter: 'stop'"),
    "a chat's messages": ({"messages": [HI]}, "Unknown parameter: 'messages'"),
    "unknown field inside": ({"input": [HI | {"name": "x"}]}, r"Unknown parameter: 'input\[0\].name'"),
    "missing input": ({"input": ...}, "Missing required parameter: 'input'"),
    "wrong type": ({"temperature": "warm"}, "'temperature'"),
    "too hot": ({"temperature": 2.5}, "<= 2"),
    "few tokens": ({"max_output_tokens": 15}, ">= 16"),
    "unknown role": ({"input": [HI | {"role": "robot"}]}, "'robot'"),
    "unknown item": ({"input": [{"type": "tool_result"}]}, "'tool_result'"),
    "unknown part": (said("user", {"type": "text", "text": "x"}), r"input\[0\]"),
    "the model's part": (said("user", {"type": "output_text", "text": "x"}), r"input\[0\]"),
    "the user's part": (said("assistant", {"type": "input_text", "text": "x"}), r"input\[0\]"),
    "stream options alone": ({"stream_options": {"include_obfuscation": False}}, "only allowed when 'stream'"),
    "two memories": ({"previous_response_id": "resp_1", "conversation": "conv_1"}, "Mutually exclusive"),
    "unknown include": ({"include": ["everything"]}, "'include"),
    "many labels": ({"metadata": {str(n): "x" for n in range(17)}}, "at most 16"),
    "a chat's tool": ({"tools": [{"type": "function", "function": {"name": "f"}}]}, r"tools\[0\]"),
    "tool name": ({"tools": [FUNCTION | {"name": "a.b"}]}, "pattern"),
    "array schema": ({"tools": [FUNCTION | {"parameters": {"type": "array"}}]}, "Invalid schema"),
    "open strict tool": ({"tools": [FUNCTION | {"parameters": OPEN_SCHEMA}]}, "additionalProperties"),
    "unknown tool": ({"tools": [{"type": "web_search_20250305", "name": "web_search"}]}, r"tools\[0\]"),
    "chosen tool": ({"tools": [FUNCTION], "tool_choice": {"type": "function", "name": "x"}}, "not found"),
    "forced without tools": ({"tool_choice": "required"}, "must be specified with 'tools'"),
    "result without call": ({"input": [HI, TOLD]}, "No tool call found for function call output with call_id c1"),
    "result twice": ({"input": [HI, CALL, TOLD, TOLD]}, "No tool call found"),
    "result of a kind": ({"input": [HI, CALL, TOLD | {"type": "custom_tool_call_output"}]}, "No tool call found"),
    "call without result": ({"input": [HI, CALL, HI]}, "No tool output found for function call c1"),
    "arguments as object": ({"input": [HI, CALL | {"arguments": {}}, TOLD]}, r"input\[1\].arguments"),
    "long call id": ({"input": [HI, CALL | {"call_id": "c" * 65}]}, "maximum length 64"),
    "foreign id": ({"input": [HI, CALL | {"id": "toolu_1"}, TOLD]}, "begins with 'fc'"),
    "called name": ({"input": [HI, CALL | {"name": "a.b"}, TOLD]}, "pattern"),
    "bad picture": (
        said("user", {"type": "input_image", "image_url": f"data:image/png;base64,{NOT_PNG}"}),
        "does not match",
    ),
    "picture of a chat": (said("user", {"type": "input_image", "image_url": {"url": "https://x/y.png"}}), "image_url"),
    "json unasked": ({"text": {"format": {"type": "json_object"}}}, "the word 'json'"),
    "open strict schema": (
        {"text": {"format": {"type": "json_schema", "name": "a", "strict": True, "schema": OPEN_SCHEMA}}},
        "additionalProperties",
    ),
    "name of a schema": (
        {"text": {"format": {"type": "json_schema", "name": "a b", "schema": OPEN_SCHEMA}}},
        "pattern",
    ),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_it_refuses(gpt, fault):
    change, words = FAULTS[fault]
    body = {"model": "mock-echo", "input": [HI]} | change
    body = {name: value for name, value in body.items() if value is not ...}
    with pytest.raises(openai.BadRequestError, match=words) as caught:
        gpt.sdk.post("/responses", body=body, cast_to=object)
    assert caught.value.type == "invalid_request_error"


@pytest.mark.parametrize(
    "item",
    [
        {"role": "assistant", "content": [{"type": "output_text", "text": "x"}]},
        {"type": "message", "role": "assistant", "content": "x", "phase": "commentary"},
        {"role": "user", "content": [{"type": "input_image", "image_url": "https://x/y.png"}]},
        {"role": "developer", "content": "x"},
        {"type": "compaction", "encrypted_content": "x"},
    ],
    ids=lambda item: item.get("role", item.get("type")),
)
def test_it_takes_what_clients_write_by_hand(gpt, item):
    assert (
        gpt.sdk.post("/responses", body={"model": "mock-echo", "input": [item]}, cast_to=object)["status"]
        == "completed"
    )
