"""Events of sessions, live and again."""

import openai
import pytest

from hosted import DURABLE, GROWS, calculate, kinds, say
from hosted.stage import PAY
from vendors import script


@pytest.mark.parametrize("cut", [1, 4, 9])
def test_who_comes_again_hears_the_rest_and_nothing_twice(cut, sessions):
    told = script([say("Looking."), calculate("1+1"), calculate("2+2")], [PAY], [say("{result}")])
    session = sessions.begin("claims", told)
    sessions.decide(session.id, sessions.required(session.id).request_id, "approve")
    sessions.settled(session.id)
    whole = sessions.told(session.id)
    ids = [event["event_id"] for event in whole]
    assert all(DURABLE.fullmatch(id) for id in ids) and len(set(ids)) == len(ids)
    assert sessions.told(session.id, after=ids[cut]) == whole[cut + 1 :]


def test_who_was_told_live_hears_the_rest_from_any_event(sessions):
    told = script([say("one two"), calculate("1+1")], [say("three four")])
    live = [event.to_dict() for event in sessions.begin("claims", told, stream=True)]
    whole = {event["event_id"]: event["type"] for event in sessions.told(live[0]["session"]["id"])}
    assert any(not DURABLE.fullmatch(event["event_id"]) for event in live)
    for cut, event in enumerate(live[1:-1], 1):
        before = {one["event_id"] for one in live[: cut + 1]}
        rest = sessions.told(live[0]["session"]["id"], after=event["event_id"])
        ids = [one["event_id"] for one in rest]
        assert len(set(ids)) == len(ids) and not before & set(ids)
        assert ids == list(whole)[-len(ids) :]
        # What is in neither was told live.
        assert all(id in before or kind.endswith(GROWS) for id, kind in whole.items() if id not in ids)


def test_who_begins_to_listen_hears_how_it_stands(sessions):
    session = sessions.begin("claims", script([say("Done")]))
    sessions.settled(session.id)
    first = next(sessions.listen(session.id, None))
    assert first["type"] == "agent.session.idle" and first["session"]["id"] == session.id


def test_deltas_are_told_live_and_the_log_ends_them(running, sessions):
    stream = sessions.begin("claims", script([say("one two three four five")]), stream=True)
    events = [event.to_dict() for event in stream]
    grown = [event for event in events if event["type"].endswith("output_text.delta")]
    assert "".join(event["delta"] for event in grown) == "one two three four five"
    assert len(grown) > 1 and {event["attempt_id"] for event in grown if "attempt_id" in event}
    assert kinds(events)[-1] == "idle"
    # Who came later hears the same in fewer words.
    session = events[0]["session"]["id"]
    again = [event for event in sessions.told(session) if event["type"].endswith("output_text.delta")]
    assert [event["delta"] for event in again] == ["one two three four five"]


@pytest.mark.parametrize("last", ["evt_x", "7", "evt_1"])
def test_an_event_id_of_another_kind_is_refused(last, sessions):
    session = sessions.begin("claims")
    with pytest.raises(openai.BadRequestError, match="Last-Event-ID"):
        next(sessions.listen(session.id, last))
