"""The default: real models, computed in a sandbox, through both SDKs."""

import base64
import json
import math
import shlex
import struct
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import combinations
from pathlib import Path

import httpx
import pytest

from clients import CLIENTS
from harness import CHAT_MODEL, EMBED_MODEL, START, Evenhand, config, local, wait_for

REFERENCE = json.loads((Path(__file__).parent / "reference/minilm.json").read_text())
CHAT, EMBED = f"local/{CHAT_MODEL}", f"local/{EMBED_MODEL}"
PARIS = "What is the capital of France?"
# Loading 98 MB of weights into the sandbox, and two cores that others use too.
SLOW = {"timeout": 300}

# pytest.ini gives each file to one worker, so the weights are loaded once.
pytestmark = pytest.mark.timeout(600)


@pytest.fixture(scope="module")
def running(tmp_path_factory) -> Iterator[Evenhand]:
    with Evenhand(tmp_path_factory.mktemp("local"), config(*local())) as running:
        yield running


@pytest.fixture(params=CLIENTS)
def client(request, running):
    return running.client(request.param, **SLOW)


def greedy(client) -> dict:
    """Always the likeliest token. Anthropic's SDK has no such parameter any more; the gateway still takes it."""
    return {"temperature": 0} if client.dialect == "openai" else {"extra_body": {"temperature": 0}}


def test_both_models_are_listed(client):
    assert {model.id for model in client.sdk.models.list()} == {CHAT, EMBED}


def test_it_says_how_to_try_it(running):
    """What a person sees who starts it; the command that it prints works as it stands."""
    command = wait_for("a command on stdout", lambda: [line for line in running.lines if "curl " in line], START)[0]
    assert {f"model {CHAT}", f"model {EMBED}"} <= set(running.lines)
    assert any("only programs on this machine" in line for line in running.lines)
    curl, url, header, kind, data, body = shlex.split(command)
    assert (curl, url, header, data) == ("curl", f"{running.url}/v1/chat/completions", "-H", "-d")
    answer = httpx.post(url, content=body, headers=dict([kind.split(": ")]), timeout=300)
    assert answer.status_code == 200, answer.text
    assert "Paris" in answer.json()["choices"][0]["message"]["content"]


def test_a_sensible_answer(client):
    answer = client.ask(CHAT, [client.user(PARIS)], max_tokens=40, **greedy(client))
    assert "Paris" in answer.text
    assert answer.finish == "stop"
    assert 10 < answer.input < 60 and 3 < answer.output <= 40


def test_streaming_is_token_by_token_and_says_the_same(client):
    whole = client.ask(CHAT, [client.user(PARIS)], max_tokens=40, **greedy(client))
    streamed = client.ask(CHAT, [client.user(PARIS)], max_tokens=40, stream=True, **greedy(client))
    assert streamed.text == whole.text
    assert (streamed.input, streamed.output) == (whole.input, whole.output)
    assert streamed.pieces >= 5, f"{streamed.output} tokens came in {streamed.pieces} pieces"


def test_pieces_come_when_they_are_ready(running):
    """The first piece is there long before the last."""
    sdk = running.client("openai", **SLOW).sdk
    start = time.monotonic()
    times = []
    for chunk in sdk.chat.completions.create(
        model=CHAT,
        messages=[{"role": "user", "content": "Tell me a long story about a fox."}],
        temperature=0,
        max_completion_tokens=60,
        stream=True,
    ):
        if chunk.choices and chunk.choices[0].delta.content:
            times.append(time.monotonic() - start)
    assert len(times) > 20
    assert times[0] < times[-1] / 2


def test_the_turns_before_count(client):
    turns = [client.user(PARIS), {"role": "assistant", "content": "The capital of France is Paris."}]
    answer = client.ask(CHAT, [*turns, client.user("And of Italy?")], max_tokens=30, **greedy(client))
    assert "Rome" in answer.text
    assert "Rome" not in client.ask(CHAT, [client.user("And of Italy?")], max_tokens=30, **greedy(client)).text


def test_the_system_prompt_counts(client):
    plain = client.ask(CHAT, [client.user("Hello")], max_tokens=20, **greedy(client))
    system = "You are a pirate. Speak like a pirate."
    pirate = client.ask(CHAT, [client.user("Hello")], max_tokens=20, system=system, **greedy(client))
    assert pirate.text != plain.text


def test_the_first_token_comes_within_two_seconds(client):
    """With the weights loaded; the quickest of three, since other work shares the machine."""
    client.ask(CHAT, [client.user("Hi")], max_tokens=1)
    times = []
    for _ in range(3):
        start = time.monotonic()
        if client.dialect == "openai":
            stream = client.sdk.chat.completions.create(model=CHAT, messages=[client.user(PARIS)], stream=True)
            said = (chunk.choices and chunk.choices[0].delta.content for chunk in stream)
        else:
            stream = client.sdk.messages.create(model=CHAT, max_tokens=50, messages=[client.user(PARIS)], stream=True)
            said = (event.type == "content_block_delta" for event in stream)
        assert any(said)
        times.append(time.monotonic() - start)
        stream.close()
    assert min(times) < 2, times


def test_a_seed_repeats(running):
    client = running.client("openai", **SLOW)
    say = lambda seed: (
        client.ask(CHAT, [client.user("Invent a name for a ship.")], max_tokens=20, temperature=1.0, seed=seed).text
    )
    first = say(7)
    assert first == say(7)
    assert any(say(seed) != first for seed in (8, 9, 10))


def test_limits(client):
    cut = client.ask(CHAT, [client.user("Count from one to one hundred.")], max_tokens=6, **greedy(client))
    assert (cut.finish, cut.output) == ("length", 6)
    whole = client.ask(CHAT, [client.user(PARIS)], max_tokens=40, **greedy(client))
    stopped = client.ask(CHAT, [client.user(PARIS)], max_tokens=40, stop=["Paris"], stream=True, **greedy(client))
    assert stopped.text == whole.text[: whole.text.index("Paris")]
    assert stopped.finish in ("stop", "stop_sequence")


def test_what_it_cannot_do_is_refused(client):
    with pytest.raises(client.errors.BadRequestError, match="(?i)image|text only"):
        client.ask(CHAT, [client.user("What is this?", "https://pictures.example/cat.png")])
    with pytest.raises(client.errors.APIStatusError):
        client.ask(EMBED, [client.user("Hi")])


@pytest.mark.parametrize("form", ["float", "base64"])
def test_embeddings_match_the_reference(form, running):
    """Cosine similarities to 1e-3 of those that reference/minilm.py computed."""
    sdk = running.client("openai", **SLOW).sdk
    got = sdk.embeddings.create(model=EMBED, input=REFERENCE["sentences"], encoding_format=form)
    if form == "base64":
        # Asked for base64 by name, the SDK hands it over as it came.
        vectors = [struct.unpack(f"<{384}f", base64.b64decode(item.embedding)) for item in got.data]
    else:
        vectors = [item.embedding for item in got.data]
    assert [len(vector) for vector in vectors] == [384] * len(REFERENCE["sentences"])
    assert all(math.hypot(*vector) == pytest.approx(1, abs=1e-4) for vector in vectors)
    for a, b in combinations(range(len(vectors)), 2):
        cosine = sum(x * y for x, y in zip(vectors[a], vectors[b], strict=True))
        assert cosine == pytest.approx(REFERENCE["cosines"][a][b], abs=1e-3), (a, b)
    assert got.usage.prompt_tokens == sum(REFERENCE["tokens"])


def test_one_text_embeds_as_in_a_batch(running):
    sdk = running.client("openai", **SLOW).sdk
    batch = sdk.embeddings.create(model=EMBED, input=REFERENCE["sentences"][:3]).data
    for item, text in zip(batch, REFERENCE["sentences"], strict=False):
        alone = sdk.embeddings.create(model=EMBED, input=text).data[0].embedding
        assert alone == pytest.approx(item.embedding, abs=1e-4)


def test_answers_at_the_same_time_do_not_mix(running):
    """Several generations on one kept instance."""
    client = running.client("openai", **SLOW)
    questions = [PARIS, "What is the capital of Italy?", "What is the capital of Spain?"]
    ask = lambda question: client.ask(CHAT, [client.user(question)], max_tokens=24, stream=True, temperature=0).text
    alone = [ask(question) for question in questions]
    with ThreadPoolExecutor(3) as pool:
        assert list(pool.map(ask, questions)) == alone
    assert len(set(alone)) == 3
