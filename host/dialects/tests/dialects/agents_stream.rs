//! What a client is told while it listens.

use dialects::agents::{EventStream, Position};
use types::session::{Live, LiveKind, TurnOutcome};

use crate::agents_log::*;

fn kinds(stream: &str) -> Vec<String> {
    let short = |told: &Told| told.kind().trim_start_matches("agent.session.").to_owned();
    read(stream).iter().map(short).collect()
}

/// The text that an item grew to.
fn grown(told: &[Told], item: &str) -> String {
    let deltas = told
        .iter()
        .filter(|it| it.data["item_id"] == *item && it.kind().ends_with(".delta"));
    deltas
        .map(|it| it.data["delta"].as_str().expect("a text"))
        .collect()
}

#[test]
fn in_the_order_that_the_sdk_expects() {
    let log = log([
        said("turn_1", "hi"),
        answered("turn_1", "a1", vec![text("Hello.")]),
        over("turn_1", TurnOutcome::Completed),
    ]);
    assert_eq!(
        kinds(&whole(&log)),
        [
            "created",
            "in_progress",
            "turn.created",
            "turn.in_progress",
            "turn.item.added",
            "turn.item.added",
            "turn.content_part.added",
            "turn.output_text.delta",
            "turn.output_text.done",
            "turn.content_part.done",
            "turn.item.done",
            "turn.completed",
            "idle",
        ]
    );
}

#[test]
fn what_was_told_live_is_not_told_again() {
    let log = log([
        said("turn_1", "hi"),
        answered("turn_1", "a1", vec![text("Hello.")]),
    ]);
    let mut stream = EventStream::new(SESSION);
    let mut out = stream.push(&log[0]) + &stream.push(&log[1]);
    for grows in ["", "Hel", "", "lo."] {
        out += &stream.live(&delta("turn_1", "a1", 0, LiveKind::Text, grows));
    }
    let live = read(&out);
    assert_eq!(live.iter().filter(|told| told.id.is_none()).count(), 4);
    assert!(
        live.iter()
            .filter(|told| told.id.is_none())
            .all(|told| told.data["attempt_id"] == "a1")
    );
    let durable = stream.push(&log[2]);
    assert_eq!(
        kinds(&durable),
        [
            "turn.output_text.done",
            "turn.content_part.done",
            "turn.item.done"
        ]
    );
    assert_eq!(grown(&read(&(out + &durable)), "item_a1_0"), "Hello.");
    // Too late.
    assert_eq!(
        stream.live(&delta("turn_1", "a1", 1, LiveKind::Text, "")),
        ""
    );
}

#[test]
fn what_got_lost_is_told_when_it_is_durable() {
    let log = log([
        said("turn_1", "hi"),
        answered("turn_1", "a1", vec![text("Hello.")]),
    ]);
    let mut stream = EventStream::new(SESSION);
    let mut out = stream.push(&log[0]) + &stream.push(&log[1]);
    for grows in ["", "Hel"] {
        out += &stream.live(&delta("turn_1", "a1", 0, LiveKind::Text, grows));
    }
    out += &stream.push(&log[2]);
    assert_eq!(grown(&read(&out), "item_a1_0"), "Hello.");
}

#[test]
fn who_came_after_the_beginning_is_told_it_whole() {
    let log = log([
        said("turn_1", "hi"),
        answered("turn_1", "a1", vec![text("Hello.")]),
    ]);
    let mut stream = EventStream::new(SESSION);
    stream.push(&log[0]);
    stream.push(&log[1]);
    assert_eq!(
        stream.live(&delta("turn_1", "a1", 0, LiveKind::Text, "lo.")),
        ""
    );
    assert_eq!(grown(&read(&stream.push(&log[2])), "item_a1_0"), "Hello.");
}

#[test]
fn an_attempt_that_comes_to_nothing_ends_incomplete() {
    let log = log([said("turn_1", "hi"), over("turn_1", TurnOutcome::Cancelled)]);
    let mut stream = EventStream::new(SESSION);
    stream.push(&log[0]);
    stream.push(&log[1]);
    stream.live(&delta("turn_1", "a1", 0, LiveKind::Text, ""));
    stream.live(&delta("turn_1", "a1", 0, LiveKind::Text, "Hel"));
    let next = read(&stream.live(&delta("turn_1", "a2", 0, LiveKind::Text, "")));
    assert_eq!(next[2].kind(), "agent.session.turn.item.done");
    assert_eq!(next[2].data["item"]["status"], "incomplete");
    assert_eq!(next[2].data["item"]["content"][0]["text"], "Hel");
    assert_eq!(next[3].data["item"]["id"], "item_a2_0");
    let last = read(&stream.push(&log[2]));
    assert_eq!(last[2].data["item"]["id"], "item_a2_0");
    assert_eq!(last[2].data["item"]["status"], "incomplete");
    assert_eq!(last[3].kind(), "agent.session.turn.cancelled");
}

#[test]
fn who_listens_from_now_is_told_the_state_first() {
    let log = log([
        said("turn_1", "pay"),
        answered("turn_1", "a1", vec![call("c1", "claims/pay", "{}")]),
        asked("turn_1", "c1", "claims/pay", "{}"),
        over("turn_1", TurnOutcome::Cancelled),
    ]);
    let mut stream = EventStream::new(SESSION);
    assert_eq!(stream.now(), "");
    log[..4].iter().for_each(|logged| stream.pass(logged));
    let now = read(&stream.now());
    assert_eq!(now[0].kind(), "agent.session.requires_action");
    assert_eq!(
        now[0].data["session"]["required_actions"][0]["request_id"],
        "appr_c1"
    );
    let rest = stream.push(&log[4]);
    assert_eq!(kinds(&rest), ["turn.item.done", "turn.cancelled", "idle"]);
    // Who goes on from the state misses nothing.
    let position = Position::read(now[0].event_id()).expect("an id");
    let mut again = EventStream::resume(SESSION, position);
    let told: String = log.iter().map(|logged| again.push(logged)).collect();
    assert_eq!(told, rest);
}

#[test]
fn progress_of_a_call_that_runs() {
    let log = log([
        said("turn_1", "pay"),
        answered("turn_1", "a1", vec![call("c1", "claims/pay", "{}")]),
    ]);
    let mut stream = EventStream::new(SESSION);
    log.iter().for_each(|logged| stream.pass(logged));
    let progress = |call: &str| Live::Progress {
        turn: "turn_1".to_owned(),
        call: call.to_owned(),
        done: 0.5,
        total: None,
        message: None,
    };
    let told = [stream.live(&progress("c1")), stream.live(&progress("c1"))].map(|it| read(&it));
    assert_eq!(told[0][0].data["item_id"], "item_a1_0");
    assert_ne!(told[0][0].event_id(), told[1][0].event_id());
    assert_eq!(stream.live(&progress("c2")), "");
}

#[test]
fn lengths_are_hidden_where_that_is_wanted() {
    let log = log([
        said("turn_1", "hi"),
        answered("turn_1", "a1", vec![text("Hello.")]),
    ]);
    let mut stream = EventStream::new(SESSION).obfuscated(true);
    let told: String = log.iter().map(|logged| stream.push(logged)).collect();
    for told in read(&told) {
        assert_eq!(
            told.data.get("obfuscation").is_some(),
            told.kind().ends_with(".delta")
        );
    }
}

#[test]
fn ids_that_are_none() {
    for id in [
        "",
        "evt_",
        "evt_1",
        "evt_1_x",
        "1_2",
        "evt_-1_0",
        "evt_99999999999999999999999_0",
    ] {
        let error = Position::read(id).expect_err(id);
        assert_eq!(error.status(), 400);
        assert_eq!(error.param.as_deref(), Some("Last-Event-ID"));
    }
    let position = Position {
        number: 12,
        place: 3,
    };
    assert_eq!(Position::read("evt_12_3"), Ok(position));
    assert_eq!(Position::read("evt_12_3_a1_0_17"), Ok(position));
    assert_eq!(position.to_string(), "evt_12_3");
}
