"""The mock of Amazon Bedrock, driven by boto3 without Evenhand between: it answers as the API would, and it refuses what the API
refuses. Its frames are read by botocore's own parser."""

import json
import math
import re

import botocore.exceptions
import httpx
import pytest
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from botocore.eventstream import ChecksumMismatch, EventStreamBuffer

from bedrock_client import BedrockClient, sdk
from cases import CASES, CLOCK, WEATHER, Setting, image_by_url
from clients import PNG
from vendors.bedrock_api import ACCOUNT, COHERE, TITAN, frame

THINK = {"thinking": {"type": "enabled", "budget_tokens": 1024}}


@pytest.fixture
def client(bedrock_vendor) -> BedrockClient:
    return BedrockClient(bedrock_vendor.url, bedrock_vendor.key)


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "stream"])
@pytest.mark.parametrize("case", [case for case in CASES if case is not image_by_url], ids=lambda case: case.__name__)
def test_the_mock_answers_as_the_api_would(case, stream, client):
    case(Setting(client, "bedrock", stream))


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "stream"])
@pytest.mark.parametrize("model", ["mock-thinking", "mock-redacted"])
def test_thoughts_are_signed_and_wanted_back_unchanged(client, model, stream):
    turns = [client.user("Rome today")]
    given = {"stream": stream, "tools": [WEATHER], "additionalModelRequestFields": THINK}
    asked = client.ask(model, turns, **given)
    thought = asked.turn["content"][0]["reasoningContent"]
    assert ("reasoningText" in thought) == (model == "mock-thinking")
    turns += [asked.turn, *client.results([(asked.calls[0].id, "warm")])]
    assert client.ask(model, turns, **given).text.endswith("weather = warm")
    if model == "mock-thinking":
        thought["reasoningText"]["signature"] = "eA=="
    else:
        thought["redactedContent"] = b"x" + thought["redactedContent"][1:]
    with pytest.raises(client.sdk.exceptions.ValidationException, match="Invalid `signature`"):
        client.ask(model, turns, **given)


def test_a_signature_alone_is_as_good(client):
    asked = client.ask("mock-thinking", [client.user("Hi")], additionalModelRequestFields=THINK)
    asked.turn["content"][0]["reasoningContent"]["reasoningText"]["text"] = ""
    turns = [client.user("Hi"), asked.turn, client.user("And?")]
    assert client.ask("mock-echo", turns).text.endswith("user: And?")


def test_count_tokens(client):
    given = {"system": [{"text": "two words"}], "messages": [client.user("and three more")]}
    counted = client.sdk.count_tokens(modelId="anthropic.mock-echo-v1:0", input={"converse": given})
    assert counted["inputTokens"] == 5
    with pytest.raises(client.sdk.exceptions.ValidationException, match="counting tokens"):
        client.sdk.count_tokens(modelId="us.anthropic.mock-echo-v1:0", input={"converse": given})


@pytest.mark.parametrize(
    "model",
    [
        "anthropic.mock-echo-v1:0",
        "us.anthropic.mock-echo-v1:0",
        f"{ACCOUNT}:inference-profile/us.anthropic.mock-echo-v1:0",
        f"{ACCOUNT}:application-inference-profile/mock-echo",
    ],
)
def test_ids_and_arns(client, model):
    assert client.ask(model, [client.user("Hi")]).text == "user: Hi"


def test_embeddings(client):
    def invoke(model: str, body: dict) -> tuple[dict, str]:
        got = client.sdk.invoke_model(modelId=model, body=json.dumps(body))
        tokens = got["ResponseMetadata"]["HTTPHeaders"]["x-amzn-bedrock-input-token-count"]
        return json.loads(got["body"].read()), tokens

    texts = ["to be or not", "unlike"]
    asked = {"texts": texts, "input_type": "search_document"}
    plain, tokens = invoke(COHERE, asked)
    typed, _ = invoke(COHERE, asked | {"embedding_types": ["float"]})
    one, _ = invoke(TITAN, {"inputText": texts[0]})
    assert plain["embeddings"] == typed["embeddings"]["float"] and tokens == "5"
    assert one["embedding"] == plain["embeddings"][0] and one["inputTextTokenCount"] == 4
    assert math.hypot(*one["embedding"]) == pytest.approx(1)
    assert len(invoke(TITAN, {"inputText": "a", "dimensions": 16})[0]["embedding"]) == 16
    for model, body in [
        (TITAN, {"inputText": "a", "dimensions": 17}),
        (TITAN, {"inputText": ""}),
        (TITAN, {"inputText": ["a"]}),
        (TITAN, {"inputText": "a", "input_type": "x"}),
        (COHERE, {"texts": texts}),
        (COHERE, asked | {"texts": []}),
        (COHERE, asked | {"texts": ["x"] * 97}),
        (COHERE, asked | {"input_type": "other"}),
    ]:
        with pytest.raises(client.sdk.exceptions.ValidationException, match="Malformed input request"):
            invoke(model, body)


def test_models_and_profiles(bedrock_vendor):
    control = sdk(bedrock_vendor.url, bedrock_vendor.key, "bedrock")
    listed = {
        model["modelId"]: model
        for model in control.list_foundation_models(byInferenceType="ON_DEMAND")["modelSummaries"]
    }
    assert listed["mock-echo"]["outputModalities"] == ["TEXT"] and listed[TITAN]["outputModalities"] == ["EMBEDDING"]
    pages = control.get_paginator("list_inference_profiles").paginate(PaginationConfig={"PageSize": 1})
    profiles = [profile["type"] for page in pages for profile in page["inferenceProfileSummaries"]]
    assert profiles == ["SYSTEM_DEFINED", "APPLICATION"]


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "stream"])
@pytest.mark.parametrize(
    "model, kind",
    [
        ("mock-429", "ThrottlingException"),
        ("mock-500", "InternalServerException"),
        ("mock-overloaded", "ServiceUnavailableException"),
        ("mock-nothing", "ResourceNotFoundException"),
    ],
)
def test_errors_come_as_the_sdk_s_own(client, bedrock_vendor, model, kind, stream):
    with pytest.raises(getattr(client.sdk.exceptions, kind)) as caught:
        client.ask(model, [client.user("Hm")], stream=stream)
    headers = caught.value.response["ResponseMetadata"]["HTTPHeaders"]
    assert headers.get("retry-after") == (bedrock_vendor.retry_after if model == "mock-429" else None)


@pytest.mark.parametrize(
    "model, kind",
    [
        ("mock-cut", "IncompleteReadError ProtocolError ResponseStreamingError"),
        ("mock-truncated", "AssertionError"),
        ("mock-error-mid", "EventStreamError"),
    ],
)
def test_a_broken_stream_is_no_clean_end(client, model, kind):
    with pytest.raises(Exception) as caught:
        client.ask(model, [client.user("one two three")], stream=True)
    assert type(caught.value).__name__ in kind.split()
    if model == "mock-error-mid":
        assert "modelStreamErrorException" in str(caught.value)


def test_damaged_frames_are_noticed_by_botocore():
    good = frame({":message-type": "event", ":event-type": "x"}, {"a": "é"})
    buffer = EventStreamBuffer()
    buffer.add_data(good)
    (read,) = list(buffer)
    assert json.loads(read.payload) == {"a": "é"} and read.headers[":event-type"] == "x"
    for at in (9, 20, len(good) - 1):
        damaged = bytearray(good)
        damaged[at] ^= 1
        buffer = EventStreamBuffer()
        buffer.add_data(bytes(damaged))
        with pytest.raises(ChecksumMismatch):
            list(buffer)


@pytest.mark.parametrize(
    "key, kind",
    [
        ("AKIAWRONG:{secret}", "UnrecognizedClientException"),
        ("{id}:another-secret-of-length", "InvalidSignatureException"),
        ("{id}:{secret}:a-token-that-nobody-gave", "UnrecognizedClientException"),
    ],
)
def test_credentials(bedrock_vendor, key, kind):
    id, secret = bedrock_vendor.key.split(":")
    client = BedrockClient(bedrock_vendor.url, key.format(id=id, secret=secret))
    with pytest.raises(botocore.exceptions.ClientError) as caught:
        client.ask("mock-echo", [client.user("Hi")])
    assert caught.value.response["Error"]["Code"] == kind
    assert caught.value.response["ResponseMetadata"]["HTTPStatusCode"] == 403


@pytest.mark.parametrize("change", ["nothing", "body", "path", "header", "plain path", "no signature"])
def test_what_was_not_signed_is_refused(bedrock_vendor, change):
    """A path is signed with its segments encoded twice: `:` is sent as `%3A` and signed as `%253A`."""
    body = json.dumps({"messages": [{"role": "user", "content": [{"text": "Hi"}]}]}).encode()
    model = "mock-echo-v1:0" if change == "plain path" else "mock-echo-v1%3A0"
    url = f"{bedrock_vendor.url}/model/{model}/converse"
    signed = AWSRequest("POST", url, data=body, headers={"content-type": "application/json"})
    SigV4Auth(Credentials(*bedrock_vendor.key.split(":")), "bedrock", "us-east-1").add_auth(signed)
    headers = dict(signed.headers)
    match change:
        case "body":
            body = body.replace(b"Hi", b"Ho")
        case "path":
            url = url.replace("mock-echo", "mock-tools")
        case "plain path":
            url = url.replace(":0/converse", "%3A0/converse")
        case "header":
            headers["x-amz-meta"] = "added"
        case "no signature":
            del headers["Authorization"]
    assert httpx.post(url, content=body, headers=headers).status_code == (200 if change == "nothing" else 403)


def user(*blocks: dict, role: str = "user") -> dict:
    return {"role": role, "content": list(blocks)}


def says(*turns: dict) -> dict:
    return {"messages": list(turns)}


HI = user({"text": "Hi"})
USE = {"toolUse": {"toolUseId": "t1", "name": "clock", "input": {}}}
RESULT = {"toolResult": {"toolUseId": "t1", "content": [{"text": "noon"}]}}
CALLS = user(USE, role="assistant")
SPEC = {"name": "clock", "inputSchema": {"json": CLOCK["schema"]}}
TOOLS = {"toolConfig": {"tools": [{"toolSpec": SPEC}]}}
POINT = {"cachePoint": {"type": "default"}}
DOCUMENT = {"document": {"format": "txt", "name": "a", "source": {"bytes": b"x"}}}
OPEN_SCHEMA = {"type": "object", "properties": {"a": {"type": "string"}}}


def spec(**change) -> dict:
    return {"toolConfig": {"tools": [{"toolSpec": SPEC | change}]}}


def output(schema: dict) -> dict:
    definition = {"schema": json.dumps(schema)}
    return {"outputConfig": {"textFormat": {"type": "json_schema", "structure": {"jsonSchema": definition}}}}


def extra(**fields) -> dict:
    return {"additionalModelRequestFields": fields}


# What boto3 itself would not send is sent as JSON, below.
FAULTS = {
    "no messages": (says(), "must start with a user message"),
    "assistant first": (says(user({"text": "x"}, role="assistant")), "must start with a user message"),
    "two users": (says(HI, HI), "must alternate"),
    "system between": (says(HI, user({"text": "x"}, role="system")), "system messages"),
    "empty content": (says(user()), "is empty"),
    "empty text": (says(user({"text": ""})), "is blank"),
    "blank text": (says(user({"text": " \n"})), "is blank"),
    "blank system": ({"system": [{"text": " "}]}, "is blank"),
    "trailing space": (says(HI, user({"text": "So "}, role="assistant")), "trailing whitespace"),
    "too hot": ({"inferenceConfig": {"temperature": 1.5}}, "less than or equal to 1"),
    "blank stop": ({"inferenceConfig": {"stopSequences": [" "]}}, "non-whitespace"),
    "calls without tools": (says(HI, CALLS, user(RESULT)), "toolConfig field must be defined"),
    "result without call": (TOOLS | says(user(RESULT)), "exceeds the number of toolUse"),
    "call without result": (TOOLS | says(HI, CALLS, HI), "Expected toolResult"),
    "call at the end": (TOOLS | says(HI, CALLS), "Expected toolResult"),
    "result after text": (TOOLS | says(HI, CALLS, user({"text": "So:"}, RESULT)), "before anything else"),
    "result twice": (TOOLS | says(HI, CALLS, user(RESULT, RESULT)), "exceeds the number of toolUse"),
    "blank result": (
        TOOLS | says(HI, CALLS, user({"toolResult": {"toolUseId": "t1", "content": [{"text": ""}]}})),
        "is blank",
    ),
    "input as text": (
        TOOLS | says(HI, user({"toolUse": USE["toolUse"] | {"input": "{}"}}, role="assistant"), user(RESULT)),
        "Provide a json object",
    ),
    "id with a bar": (
        TOOLS | says(HI, user({"toolUse": USE["toolUse"] | {"toolUseId": "t|1"}}, role="assistant"), HI),
        "pattern",
    ),
    "tool name": (spec(name="a.b"), "pattern"),
    "long tool name": (spec(name="a" * 65), "less than or equal to 64"),
    "tool twice": ({"toolConfig": {"tools": [{"toolSpec": SPEC}] * 2}}, "already defined"),
    "array schema": (spec(inputSchema={"json": {"type": "array"}}), "must be object"),
    "invalid schema": (spec(inputSchema={"json": {"type": "object", "properties": 3}}), "is invalid"),
    "open strict tool": (spec(strict=True, inputSchema={"json": OPEN_SCHEMA}), "additionalProperties"),
    "chosen tool": (
        {"toolConfig": TOOLS["toolConfig"] | {"toolChoice": {"tool": {"name": "x"}}}},
        "is not found",
    ),
    "open schema": (output(OPEN_SCHEMA), "additionalProperties"),
    "range in schema": (
        output(
            {"type": "object", "additionalProperties": False, "properties": {"a": {"type": "integer", "minimum": 1}}}
        ),
        "not supported",
    ),
    "picture of nothing": (says(user({"image": {"format": "png", "source": {"bytes": b"x"}}})), "does not match"),
    "format": (says(user({"image": {"format": "tiff", "source": {"bytes": b"x"}}})), "enum value set"),
    "assistant's picture": (
        says(HI, user({"image": {"format": "png", "source": {"bytes": PNG}}}, role="assistant")),
        "not supported in messages",
    ),
    "document alone": (says(user(DOCUMENT)), "text block must be included"),
    "document twice": (says(user({"text": "x"}, DOCUMENT, DOCUMENT)), "duplicate document names"),
    "document name": (
        says(user({"text": "x"}, {"document": DOCUMENT["document"] | {"name": "é"}})),
        "alphanumeric",
    ),
    "five points": (says(user(*[part for text in "abcde" for part in ({"text": text}, POINT)])), "Found 5"),
    "point first": (says(user(POINT, {"text": "x"})), "cannot be the first"),
    "lifetime": (says(user({"text": "x"}, {"cachePoint": {"type": "default", "ttl": "2h"}})), "enum value set"),
    "metadata": ({"requestMetadata": {"k": "é"}}, "pattern"),
    "unknown field for the model": (extra(seed=1), "Extra inputs are not permitted"),
    "wrong type for the model": (extra(top_k="3"), "valid int"),
    "unknown beta": (extra(anthropic_beta=["claude-code-20250219"]), "invalid beta flag"),
    "two choices": (
        {"toolConfig": TOOLS["toolConfig"] | {"toolChoice": {"auto": {}}}} | extra(tool_choice={"type": "auto"}),
        "conflicts",
    ),
    "effort": ({"outputConfig": {"effort": "huge"}}, "effort must be one of"),
    "small budget": (extra(thinking={"type": "enabled", "budget_tokens": 5}), "1024"),
    "budget over limit": (
        extra(thinking={"type": "enabled", "budget_tokens": 5000}) | {"inferenceConfig": {"maxTokens": 5000}},
        "greater than",
    ),
    "thinking and heat": (
        extra(thinking={"type": "adaptive"}) | {"inferenceConfig": {"temperature": 0.5}},
        "temperature",
    ),
    "thinking and forcing": (
        extra(thinking={"type": "adaptive"}) | {"toolConfig": TOOLS["toolConfig"] | {"toolChoice": {"any": {}}}},
        "forces",
    ),
    "thought left out": (TOOLS | extra(**THINK) | says(HI, CALLS, user(RESULT)), "must start with a thinking block"),
    "forged thought": (
        says(
            HI, user({"reasoningContent": {"reasoningText": {"text": "x", "signature": "eA=="}}}, role="assistant"), HI
        ),
        "signature",
    ),
}


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "stream"])
@pytest.mark.parametrize("fault", FAULTS)
def test_bedrock_refuses(client, fault, stream):
    change, words = FAULTS[fault]
    ask = client.sdk.converse_stream if stream else client.sdk.converse
    with pytest.raises(client.sdk.exceptions.ValidationException, match=words):
        ask(modelId="mock-echo", **(says(HI) | change))


RAW_FAULTS = {
    "unknown field": ({"stream": True}, "Unknown parameter"),
    "unknown field inside": (says(HI | {"name": "x"}), "Unknown parameter"),
    "missing content": (says({"role": "user"}), "Missing required parameter"),
    "two kinds": (says(user({"text": "x", "image": {}})), "only set one"),
    "no kind": (says(user({})), "Must set one"),
    "wrong type": ({"inferenceConfig": {"maxTokens": "9"}}, "Invalid type"),
    "boolean for a number": ({"inferenceConfig": {"maxTokens": True}}, "must be a number"),
    "no tokens": ({"inferenceConfig": {"maxTokens": 0}}, "Invalid value|valid min value"),
    "no tools": ({"toolConfig": {"tools": []}}, "Invalid length"),
    "null": ({"system": None}, "must not be null"),
    "null inside": (says(HI | {"content": [{"text": "x", "image": None}]}), "must not be null"),
    "unknown role": (says(HI | {"role": "robot"}), "enum value set"),
    "bad base64": (says(user({"image": {"format": "png", "source": {"bytes": "%%%"}}})), "base64"),
    "nothing": (b"{", "could not parse"),
    "a list": (b"[]", "not a JSON object"),
    "twice": (b'{"system": [], "system": []}', "twice"),
}


@pytest.mark.parametrize("fault", RAW_FAULTS)
def test_bedrock_refuses_what_boto3_would_not_send(bedrock_vendor, fault):
    change, words = RAW_FAULTS[fault]
    body = change if isinstance(change, bytes) else json.dumps(says(HI) | change).encode()
    signed = AWSRequest(
        "POST",
        f"{bedrock_vendor.url}/model/mock-echo/converse",
        data=body,
        headers={"content-type": "application/json"},
    )
    SigV4Auth(Credentials(*bedrock_vendor.key.split(":")), "bedrock", "us-east-1").add_auth(signed)
    answer = httpx.post(signed.url, content=body, headers=dict(signed.headers))
    assert answer.status_code == 400 and answer.headers["x-amzn-errortype"].startswith("ValidationException")
    assert re.search(words, answer.json()["message"]), answer.text
