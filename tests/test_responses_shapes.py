"""What host/dialects writes for clients of OpenAI's Responses, read by the official SDK as strictly as its types allow.

No host runs here: the answers are those that the Rust tests compare with, host/dialects/tests/golden/responses."""

import json
from pathlib import Path

import httpx
import openai
import pytest
from openai.pagination import SyncCursorPage
from openai.types import responses as types
from openai.types.responses import Response, ResponseItem, ResponseStreamEvent
from openai.types.responses.input_token_count_response import InputTokenCountResponse
from pydantic import BaseModel, TypeAdapter

import shapes

GOLDEN = shapes.GOLDEN / "responses"
STREAMS = sorted(path for path in GOLDEN.glob("*.sse"))
WHOLE = sorted(path for path in GOLDEN.glob("*.json") if path.with_suffix(".sse").exists() or path.stem in ("queued", "cancelled"))


# Of other servers of this dialect: the Open Responses schema demands them.
ELSEWHERE = {"store", "presence_penalty", "frequency_penalty"}
# Some of the SDK's types have them, others of the same thing don't.
IN_OTHERS = {"status", "bytes"}


def known(model: BaseModel) -> None:
    shapes.known(model, ELSEWHERE | IN_OTHERS)


@pytest.mark.parametrize("path", STREAMS, ids=lambda path: path.stem)
def test_every_event_is_of_the_sdks_types(path: Path) -> None:
    kinds = shapes.models(ResponseStreamEvent)
    for event in shapes.events(path):
        known(kinds[event["type"]].model_validate(event))


def test_the_streams_show_what_there_is() -> None:
    shown = {event["type"] for path in STREAMS for event in shapes.events(path)}
    ours = {
        name
        for name in shapes.models(ResponseStreamEvent)
        # Where the vendor's own item says no more than what it became, or the neutral form has no such step.
        if not name.startswith(("response.audio.transcript", "response.compaction", "response.shell_call", "response.steer"))
        and name not in ("response.image_generation_call.partial_image", "response.mcp_list_tools.failed")
    }
    assert shown >= ours, ours - shown


@pytest.mark.parametrize("path", WHOLE, ids=lambda path: path.stem)
def test_every_answer_is_a_response(path: Path) -> None:
    body = json.loads(path.read_text())
    response = Response.model_validate(body)
    known(response)
    # To null is not to leave out: what the types demand is there.
    assert {"id", "created_at", "model", "object", "output", "parallel_tool_calls", "tool_choice", "tools"} <= body.keys()


def test_lists_and_counts() -> None:
    page = json.loads((GOLDEN / "input_items.json").read_text())
    item = TypeAdapter(ResponseItem)
    for entry in page["data"]:
        # A conversation's own words of the model come without annotations of a vendor.
        read = item.validate_python(entry)
        assert read.type == entry["type"]
    types.ResponseItemList.model_validate(page)
    InputTokenCountResponse.model_validate_json((GOLDEN / "input_tokens.json").read_text())


def client(path: Path, status: int = 200) -> openai.OpenAI:
    kind = "text/event-stream" if path.suffix == ".sse" else "application/json"
    answer = httpx.Response(status, headers={"content-type": kind}, content=path.read_bytes())
    transport = httpx.MockTransport(lambda _: answer)
    return openai.OpenAI(api_key="k", base_url="http://host/v1", max_retries=0, http_client=httpx.Client(transport=transport))


@pytest.mark.parametrize("name", ["text", "cut_off", "refusal", "calls", "hosted", "background", "filtered"])
def test_the_sdk_puts_a_stream_together(name: str) -> None:
    kept = json.loads((GOLDEN / f"{name}.json").read_text())
    with client(GOLDEN / f"{name}.sse").responses.stream(model="a/m", input="hi") as stream:
        for _ in stream:
            pass
        if kept["status"] != "completed":
            return
        final = stream.get_final_response()
    assert [item.type for item in final.output] == [item["type"] for item in kept["output"]]
    assert final.output_text == Response.model_validate(kept).output_text


def test_the_sdk_sees_errors() -> None:
    with pytest.raises(openai.BadRequestError) as refused:
        client(GOLDEN / "unknown_previous.json", 400).responses.create(model="a/m", input="x", previous_response_id="resp_1")
    assert (refused.value.code, refused.value.param) == ("previous_response_not_found", "previous_response_id")
    read = list(client(GOLDEN / "failed.sse").responses.create(model="a/m", input="x", stream=True))
    assert read[-1].type == "response.failed"
    assert read[-1].response.error.code == "rate_limit_exceeded"
    last = list(client(GOLDEN / "native_cut.sse").responses.create(model="a/m", input="x", stream=True))[-1]
    assert (last.type, last.message) == ("error", "cut")


def test_the_sdk_pages_through_input() -> None:
    page = client(GOLDEN / "input_items.json").responses.input_items.list("resp_0")
    assert isinstance(page, SyncCursorPage)
    assert len(page.data) == 9 and not page.has_next_page()
    client(GOLDEN / "deleted.json").responses.delete("resp_0")
