"""Cases 19 to 25: streams."""

import json

import httpx
import pytest

from fidelity.scripted import Reply
from fidelity.stage import Pair
from fidelity.test_messages_and_tools import CLOCK, OSLO, ROME, WEATHER
from fidelity.words import Ask, Call, Got, Text, Usage, answer, user
from vendors import bedrock_api

fidelity = pytest.mark.fidelity

SCRIPTS = "Grüße, 漢字, 🇺🇳👩‍👧 and \u2028 lines"
HELLO = Ask([user("Hi")])


@fidelity(
    19,
    "Events that come split anywhere, in UTF-8 too, without a space, with CRLF, comments, pings, or several at once",
    streams=(True,),
)
def test_19_bytes(to: Pair) -> None:
    said = answer(SCRIPTS, pieces=3)
    frames = to.wire.stream(said)
    if to.provider == "bedrock":
        # Its frames are binary: only where they are split is left to chance.
        _, got = to.ask(HELLO, said)
        assert got.text == SCRIPTS
        return
    plain = [
        frame.replace(b"\r\n", b"\n").replace(b"data: ", b"data:").replace(b"event: ", b"event:") for frame in frames
    ]
    odd = b": a comment\n\n" + b":\n\n".join(plain)
    for body in (b"".join(plain), odd, odd.replace(b"\n", b"\r\n"), odd.replace(b"\n", b"\r")):
        for at_once in (False, True):
            got = to.send(HELLO, to.reply(body, at_once=at_once))
            if to.native:
                assert got.raw == body
            else:
                to.client.read(got, True)
                assert got.text == SCRIPTS


ONLY_MESSAGES = dict.fromkeys(("chat", "responses"), "It is about streams of Anthropic Messages.")


@fidelity(20, "One start and one stop for each block; `stop_reason` is `tool_use`", na=ONLY_MESSAGES, streams=(True,))
def test_20_blocks(to: Pair) -> None:
    _, got = to.ask(Ask([user("Rome, Oslo?")], (WEATHER, CLOCK)), answer("Looking.", ROME, OSLO))
    # The grammar is checked by who reads it.
    assert [type(part) for part in got.parts] == [Text, Call, Call]
    assert got.body["stop_reason"] == "tool_use"
    if to.provider == "openai":
        got = interleaved(to)
        assert got.calls == [ROME, OSLO] and got.body["stop_reason"] == "tool_use"


def interleaved(to: Pair) -> Got:
    """The answer to chats whose vendor says two calls at a time."""
    chunks = to.wire.objects(answer(ROME, OSLO, pieces=3))
    grown = [at for at, chunk in enumerate(chunks) if "id" not in str(call(chunk)) and call(chunk)]
    first, second = [[chunks[at] for at in grown if call(chunks[at])["index"] == number] for number in (0, 1)]
    begun = [chunk for chunk in chunks if call(chunk) and "id" in call(chunk)]
    turns = [chunk for pair in zip(first, second, strict=True) for chunk in pair]
    ending = [chunk for chunk in chunks[1:] if not call(chunk)]
    frames = [to.wire.frame(chunk) for chunk in [chunks[0], *begun, *turns, *ending]]
    got = to.send(Ask([user("Go")], (WEATHER,)), to.reply(b"".join([*frames, b"data: [DONE]\n\n"])))
    to.client.read(got, True)
    return got


def call(chunk: dict) -> dict | None:
    """What a chunk says of a call."""
    said = [one for choice in chunk["choices"] for one in choice["delta"].get("tool_calls", [])]
    return said[0] if said else None


ONLY_RESPONSES = dict.fromkeys(("chat", "messages"), "It is about streams of OpenAI Responses.")


@fidelity(
    21,
    "Every delta has its `.done`, indexes and numbers are right, usage comes with every ending",
    na=ONLY_RESPONSES,
    streams=(True,),
)
def test_21_events(to: Pair) -> None:
    # The grammar is checked by who reads it.
    _, got = to.ask(Ask([user("Rome, Oslo?")], (WEATHER,)), answer("Looking.", ROME, OSLO))
    assert got.events[-1][0] == "response.completed" and got.usage == Usage()
    if to.provider == "openai":
        assert interleaved(to).calls == [ROME, OSLO]
    _, got = to.ask(HELLO, answer("Hello the", finish="length"))
    assert got.events[-1][0] == "response.incomplete" and got.usage == Usage()
    frames = to.wire.stream(answer("Hello."))
    got = to.send(HELLO, to.reply(b"".join([*some(to, frames), to.wire.broken("Out of order.")])))
    to.failed(got)
    assert b"response.failed" in got.raw


def some(to: Pair, frames: list[bytes]) -> list[bytes]:
    """The first frames of a stream, till something was said but not all."""
    return frames[: 1 + next(at for at, frame in enumerate(frames) if b"Hel" in frame)]


NOT_GEMINI = dict.fromkeys(("openai", "openai-responses", "anthropic", "bedrock"), "It is about Gemini's words.")


@fidelity(22, "Gemini's `STOP` after a call is a call; `MALFORMED_FUNCTION_CALL` is an error", na=NOT_GEMINI)
def test_22_gemini_finishes(to: Pair) -> None:
    _, got = to.ask(Ask([user("Rome?")], (WEATHER,)), answer("Looking.", ROME))
    assert got.finish == "tool_calls"
    candidate = {
        "finishReason": "MALFORMED_FUNCTION_CALL",
        "finishMessage": "Malformed function call: print(",
        "index": 0,
    }
    body = {"candidates": [candidate], "modelVersion": to.wire.MODEL, "responseId": "mAGdaL-1Bq2zmtkP"}
    data = to.wire.frame(body) if to.stream else json.dumps(body).encode()
    got = to.send(Ask([user("Rome?")], (WEATHER,)), to.reply(data))
    assert "alformed" in to.failed(got)["message"] or "MALFORMED" in to.failed(got)["message"]
    assert got.status != 200 or to.stream


NOT_BEDROCK = dict.fromkeys(("openai", "openai-responses", "anthropic", "gemini"), "It is about AWS event streams.")


@fidelity(23, "AWS frames: checksums are verified, exceptions within are mapped", na=NOT_BEDROCK, streams=(True,))
def test_23_frames(to: Pair) -> None:
    frames = some(to, to.wire.stream(answer("Hello.")))
    for at in (5, len(frames[-1]) // 2, len(frames[-1]) - 1):
        damaged = bytearray(frames[-1])
        damaged[at] ^= 1
        got = to.send(HELLO, to.reply(b"".join(frames[:-1]) + bytes(damaged) + b"".join(frames)))
        to.failed(got)
        assert b"Hel" not in got.raw
    for exception, status, kind in (
        ("throttlingException", 429, "rate_limit"),
        ("validationException", 400, "invalid_request"),
        ("serviceUnavailableException", 503, ""),
    ):
        headers = {":message-type": "exception", ":exception-type": exception, ":content-type": "application/json"}
        thrown = bedrock_api.frame(headers, {"message": "Not now, please."})
        got = to.send(HELLO, to.reply(b"".join(frames) + thrown))
        error = to.failed(got)
        assert "Not now, please." in error["message"]
        # Before anything is said it has its status.
        got = to.send(HELLO, to.reply(thrown))
        assert got.status == (529 if (to.dialect, status) == ("messages", 503) else status)
        error = to.client.failed(got, False)
        assert kind in error["type"] and "Not now, please." in error["message"]


@fidelity(24, "A failure after the first byte ends the stream with the dialect's error event, never cleanly")
def test_24_failures(to: Pair) -> None:
    if not to.stream:
        broken = to.reply(json.dumps(to.wire.whole(answer("Hello."))).encode()[:-1], breaks=True)
        if to.native:
            # The answer has begun: its connection breaks too.
            with pytest.raises(httpx.RemoteProtocolError):
                to.send(HELLO, broken)
        else:
            got = to.send(HELLO, broken)
            assert got.status == 502 and to.failed(got)["message"]
        return
    begun = b"".join(some(to, to.wire.stream(answer("Hello."))))
    told = to.wire.broken("Out of order.")
    for data, breaks in ((begun + told, False), (begun, False), (begun, True), (begun + told[: len(told) // 2], True)):
        got = to.send(HELLO, to.reply(data, breaks=breaks))
        assert got.status == 200 and b"Hel" in got.raw
        error = to.failed(got)
        if data == begun + told:
            assert "Out of order." in error["message"]
    if not to.native and to.provider != "openai-responses":
        # Where that is all there is, it is an answer of its own. Responses always begin before they fail.
        got = to.send(HELLO, to.reply(told))
        assert got.status >= 500 and "Out of order." in to.client.failed(got, False)["message"]


@fidelity(25, "An error has the vendor's status and words, for `stream: true` too")
def test_25_errors(to: Pair) -> None:
    for status in (400, 429, 500):
        headers, body = to.wire.error(status, "The vendor says no.")
        wait = {"retry-after": "7"} if status == 429 else {}
        got = to.send(HELLO, Reply(json.dumps(body).encode(), status=status, headers=headers | wait))
        # Its own fault is another's for us.
        assert got.status == status or (status == 500 and got.status == 502)
        error = to.client.failed(got, False)
        assert "The vendor says no." in error["message"]
        if to.client.NATIVE.split("-")[0] == to.provider.split("-")[0]:
            assert error == body["error"]
        if status == 429:
            assert got.headers["retry-after"] == "7"
