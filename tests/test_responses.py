"""Answers that are kept: referred to, asked for again, given in the background; by OpenAI's SDK, on providers of any vendor."""

import signal
import threading
from collections.abc import Iterator

import httpx
import openai
import pytest

from harness import Evenhand, config, plugins_for, responses, secrets, wait_for

KEYS = {"TEAM_A": "sk-team-a-0123456789", "TEAM_B": "sk-team-b-0123456789"}
PROVIDERS = ["openai", "openai-responses", "anthropic", "bedrock", "gemini"]


def text(providers: dict, folder, **more) -> str:
    keys = [{"name": name.lower(), "secret": {"env": name}, "models": ["*"]} for name in KEYS]
    store = {"url": f"sqlite://{folder / 'kept.db'}"}
    return config(*plugins_for(providers), responses(providers["openai"]), keys=keys, store=store, **more)


@pytest.fixture(scope="module")
def running(providers, tmp_path_factory) -> Iterator[Evenhand]:
    folder = tmp_path_factory.mktemp("responses")
    with Evenhand(folder, text(providers, folder), secrets(providers) | KEYS) as running:
        yield running


@pytest.fixture
def sdk(running) -> openai.OpenAI:
    return running.client("openai-responses", KEYS["TEAM_A"]).sdk


def says(provider: str) -> dict:
    return {"model": f"{provider}/mock-echo"}


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "stream"])
@pytest.mark.parametrize("provider", PROVIDERS)
def test_an_answer_is_gone_on_from_with_any_provider(provider, stream, sdk):
    if stream:
        with sdk.responses.stream(**says(provider), input="one two") as events:
            first = events.get_final_response()
    else:
        first = sdk.responses.create(**says(provider), input="one two")
    assert first.store and first.output_text == "user: one two"
    for other in PROVIDERS:
        second = sdk.responses.create(**says(other), input="three", previous_response_id=first.id)
        assert second.previous_response_id == first.id
        assert second.output_text == f"user: one two\nassistant: {first.output_text}\nuser: three"


def test_instructions_are_not_carried_over(sdk):
    first = sdk.responses.create(**says("anthropic"), input="Hi", instructions="Be kind")
    assert first.output_text == "system: Be kind\nuser: Hi"
    second = sdk.responses.create(**says("anthropic"), input="Ho", previous_response_id=first.id)
    assert "kind" not in second.output_text.split("\nuser: Ho")[0].removeprefix("user: Hi\nassistant: system: Be kind")


def test_what_is_kept_is_shown_listed_and_forgotten(sdk):
    made = sdk.responses.create(**says("anthropic"), input=[{"role": "user", "content": "a"}, {"role": "user", "content": "b"}])
    shown = sdk.responses.retrieve(made.id)
    assert shown.to_dict() == made.to_dict()
    items = sdk.responses.input_items.list(made.id, order="asc").data
    assert [item.content[0].text for item in items] == ["a", "b"]
    page = sdk.responses.input_items.list(made.id, limit=1)
    assert page.has_more and [item.content[0].text for item in page] == ["b", "a"], "pages are followed"
    with pytest.raises(openai.BadRequestError, match="limit"):
        sdk.responses.input_items.list(made.id, limit=1000)
    # Named again and again, it is still one.
    by_name = [{"type": "item_reference", "id": made.output[0].id}, {"role": "user", "content": "c"}]
    assert sdk.responses.create(**says("openai"), input=by_name).output_text == f"assistant: {made.output_text}\nuser: c"
    sdk.responses.delete(made.id)
    for asked in (sdk.responses.retrieve, sdk.responses.delete, sdk.responses.input_items.list, sdk.responses.cancel):
        with pytest.raises(openai.NotFoundError, match=made.id):
            asked(made.id)


def test_what_is_kept_belongs_to_its_key(running, sdk):
    made = sdk.responses.create(**says("anthropic"), input="mine")
    other = running.client("openai-responses", KEYS["TEAM_B"]).sdk
    for asked in (other.responses.retrieve, other.responses.delete, other.responses.cancel):
        with pytest.raises(openai.NotFoundError):
            asked(made.id)
    with pytest.raises(openai.BadRequestError) as caught:
        other.responses.create(**says("anthropic"), input="theirs", previous_response_id=made.id)
    assert caught.value.code == "previous_response_not_found"
    with pytest.raises(openai.APIStatusError):
        other.responses.create(**says("anthropic"), input=[{"type": "item_reference", "id": made.output[0].id}])
    with pytest.raises(openai.AuthenticationError):
        running.client("openai-responses", "sk-stranger").sdk.responses.retrieve(made.id)
    assert sdk.responses.retrieve(made.id).id == made.id


@pytest.mark.parametrize("provider", ["openai-responses", "anthropic"])
def test_what_is_not_to_be_kept_is_not(provider, sdk, providers):
    made = sdk.responses.create(**says(provider), input="forget me", store=False)
    assert made.store is False and made.output_text == "user: forget me"
    with pytest.raises(openai.NotFoundError):
        sdk.responses.retrieve(made.id)
    if provider == "openai-responses":
        # It went to its vendor as it was.
        assert providers["openai"].last.json == {"model": "mock-echo", "input": "forget me", "store": False}


def test_a_vendor_keeps_nothing_that_is_kept_here(sdk, providers):
    made = sdk.responses.create(**says("openai-responses"), input="Hi")
    assert sdk.responses.retrieve(made.id).output_text == "user: Hi"
    assert providers["openai"].last.json["store"] is False


def in_background(sdk: openai.OpenAI, **given) -> openai.types.responses.Response:
    begun = sdk.responses.create(background=True, **given)
    assert begun.status in ("queued", "in_progress") and begun.background
    return wait_for("its end", lambda: (now := sdk.responses.retrieve(begun.id)).status not in ("queued", "in_progress") and now)


@pytest.mark.parametrize("provider", PROVIDERS)
def test_an_answer_in_the_background(provider, sdk):
    ended = in_background(sdk, **says(provider), input="one two three")
    assert (ended.status, ended.output_text) == ("completed", "user: one two three")
    assert ended.usage.output_tokens > 0
    # Its stream can be read as often as one likes, and from anywhere.
    whole = list(sdk.responses.retrieve(ended.id, stream=True))
    assert [event.sequence_number for event in whole] == list(range(len(whole)))
    assert [whole[0].type, whole[1].type, whole[-1].type] == ["response.created", "response.queued", "response.completed"]
    assert whole[-1].response.to_dict() == sdk.responses.retrieve(ended.id, include=["reasoning.encrypted_content"]).to_dict()
    rest = list(sdk.responses.retrieve(ended.id, stream=True, starting_after=5))
    assert [event.to_dict() for event in rest] == [event.to_dict() for event in whole[6:]]
    second = sdk.responses.create(**says("openai"), input="four", previous_response_id=ended.id)
    assert second.output_text.endswith("user: four")


def test_one_that_fails_says_so(sdk):
    ended = in_background(sdk, model="anthropic/no-such-model", input="Hi")
    assert ended.status == "failed" and ended.error.message
    events = list(sdk.responses.retrieve(ended.id, stream=True))
    assert [events[0].type, events[-1].type] == ["response.created", "response.failed"]
    assert events[-1].response.error == ended.error
    with pytest.raises(openai.NotFoundError):
        sdk.responses.create(model="nobody/knows", input="Hi", background=True)
    with pytest.raises(openai.BadRequestError, match="store"):
        sdk.responses.create(**says("anthropic"), input="Hi", background=True, store=False)


@pytest.fixture
def slow(own_vendors, tmp_path) -> Iterator[Evenhand]:
    own = {name: own_vendors[name] for name in ("openai", "anthropic")}
    with Evenhand(tmp_path, text(own, tmp_path), secrets(own) | KEYS) as running:
        yield running


def test_a_client_that_goes_away_comes_back_to_the_stream(slow, own_vendors):
    sdk = slow.client("openai-responses", KEYS["TEAM_A"]).sdk
    vendor = own_vendors["anthropic"]
    vendor.close_gate()
    seen = []
    with sdk.responses.create(model="anthropic/mock-gate", input="one two three four", background=True, stream=True) as events:
        for event in events:
            seen.append(event)
            if event.type == "response.output_text.delta":
                break
    id = seen[0].response.id
    assert sdk.responses.retrieve(id).status == "in_progress"
    with pytest.raises(openai.BadRequestError, match="not complete"):
        sdk.responses.create(**says("openai"), input="now?", previous_response_id=id)
    rest: list = []
    reader = threading.Thread(
        target=lambda: rest.extend(sdk.responses.retrieve(id, stream=True, starting_after=seen[-1].sequence_number)), daemon=True
    )
    reader.start()
    vendor.open_gate()
    reader.join(30)
    numbers = [event.sequence_number for event in seen + rest]
    assert numbers == list(range(len(numbers))) and rest[-1].type == "response.completed"
    assert rest[-1].response.output_text == "user: one two three four"


def test_a_cancelled_answer_ends_at_the_vendor_too(slow, own_vendors):
    sdk = slow.client("openai-responses", KEYS["TEAM_A"]).sdk
    vendor = own_vendors["anthropic"]
    vendor.close_gate()
    try:
        begun = sdk.responses.create(model="anthropic/mock-gate", input="one two three four", background=True)
        wait_for("it to run", lambda: sdk.responses.retrieve(begun.id).status == "in_progress")
        assert sdk.responses.cancel(begun.id).status == "cancelled"
        wait_for("the vendor to notice", lambda: vendor.last.dropped)
    finally:
        vendor.open_gate()
    assert sdk.responses.retrieve(begun.id).status == "cancelled"
    assert sdk.responses.cancel(begun.id).status == "cancelled", "as often as one likes"
    whole = sdk.responses.create(**says("anthropic"), input="Hi")
    with pytest.raises(openai.BadRequestError, match="synchronous"):
        sdk.responses.cancel(whole.id)
    with pytest.raises(openai.BadRequestError):
        sdk.responses.retrieve(whole.id, stream=True)


def test_what_was_told_survives_a_kill(own_vendors, tmp_path):
    own = {name: own_vendors[name] for name in ("openai", "anthropic")}
    environment = secrets(own) | KEYS
    with Evenhand(tmp_path, text(own, tmp_path), environment) as running:
        sdk = running.client("openai-responses", KEYS["TEAM_A"]).sdk
        with sdk.responses.stream(**says("anthropic"), input="one") as events:
            made = events.get_final_response()
        running.process.send_signal(signal.SIGKILL)
        running.process.wait(30)
    with Evenhand(tmp_path, text(own, tmp_path), environment) as running:
        sdk = running.client("openai-responses", KEYS["TEAM_A"]).sdk
        assert sdk.responses.retrieve(made.id).output_text == "user: one"
        second = sdk.responses.create(**says("openai"), input="two", previous_response_id=made.id)
        assert second.output_text.endswith("user: two")


def test_without_a_store_nothing_is_kept(evenhand):
    sdk = evenhand.client("openai-responses").sdk
    made = sdk.responses.create(**says("anthropic"), input="Hi")
    assert made.output_text == "user: Hi"
    with pytest.raises(openai.NotFoundError):
        sdk.responses.retrieve(made.id)
    for refused in ({"background": True}, {"previous_response_id": made.id}, {"conversation": "conv_1"}):
        with pytest.raises(openai.BadRequestError):
            sdk.responses.create(**says("anthropic"), input="Hi", **refused)


def test_tokens_are_counted(sdk):
    counted = sdk.responses.input_tokens.count(**says("anthropic"), input="one two three")
    assert counted.input_tokens > 0
    made = sdk.responses.create(**says("anthropic"), input="one two three")
    more = sdk.responses.input_tokens.count(**says("anthropic"), input="four", previous_response_id=made.id)
    assert more.input_tokens > counted.input_tokens


@pytest.mark.parametrize("id", ["resp_nobody", "%00", "x" * 300, "..%2Fmodels"])
def test_an_id_that_is_none_is_not_found(id, running):
    headers = {"authorization": f"Bearer {KEYS['TEAM_A']}"}
    answer = httpx.get(f"{running.url}/v1/responses/{id}", headers=headers)
    assert answer.status_code == 404 and answer.json()["error"]["type"] == "invalid_request_error"


def test_a_bad_query_is_refused(running, sdk):
    made = sdk.responses.create(**says("anthropic"), input="Hi")
    headers = {"authorization": f"Bearer {KEYS['TEAM_A']}"}
    for query in ("stream=maybe", "stream=true&starting_after=x"):
        answer = httpx.get(f"{running.url}/v1/responses/{made.id}?{query}", headers=headers)
        assert answer.status_code == 400 and answer.json()["error"]["type"] == "invalid_request_error"
