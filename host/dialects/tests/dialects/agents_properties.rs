//! Whatever a log says and wherever a client's connection breaks: nothing is told twice, nothing is left out.

use std::collections::{BTreeMap, BTreeSet};

use dialects::agents::{EventStream, Position, items};
use proptest::prelude::*;
use types::{
    neutral::{Content, Part},
    session::{CallOutcome, Decision, Live, LiveKind, Logged, SessionEvent, Status, TurnOutcome},
    tool::CallResult,
};

use crate::agents_log::*;

/// A step that a session may take, in whatever order.
#[derive(Debug, Clone)]
enum Step {
    Say,
    Answer(Vec<u8>),
    Ask,
    Decide(Decision),
    Begin,
    End(CallOutcome, bool),
    Resume(bool),
    Cancel,
    Finish(TurnOutcome),
    Close(Status),
}

fn step() -> impl Strategy<Value = Step> {
    let outcome = prop::sample::select(vec![
        CallOutcome::Ran,
        CallOutcome::ByClient,
        CallOutcome::Refused,
        CallOutcome::Denied,
        CallOutcome::Failed,
        CallOutcome::Unknown,
        CallOutcome::Cancelled,
    ]);
    let failed = TurnOutcome::Failed {
        code: "steps".to_owned(),
        message: "too many".to_owned(),
    };
    let ending = prop::sample::select(vec![TurnOutcome::Completed, TurnOutcome::Cancelled, failed]);
    let decision = prop::sample::select(vec![Decision::Approve, Decision::Deny, Decision::Dismiss]);
    let closed = prop::sample::select(vec![Status::Failed, Status::BudgetReached]);
    prop_oneof![
        2 => Just(Step::Say),
        6 => prop::collection::vec(0u8..8, 0..4).prop_map(Step::Answer),
        2 => Just(Step::Ask),
        2 => decision.prop_map(Step::Decide),
        2 => Just(Step::Begin),
        5 => (outcome, any::<bool>()).prop_map(|(outcome, failed)| Step::End(outcome, failed)),
        1 => any::<bool>().prop_map(Step::Resume),
        1 => Just(Step::Cancel),
        3 => ending.prop_map(Step::Finish),
        1 => closed.prop_map(Step::Close),
    ]
}

/// What is said in an answer, by a number.
fn piece(number: u8, id: String) -> Part {
    match number {
        0 | 1 => text("Hé, \"this\"\nis it."),
        2 => text(""),
        3 => thought("Hm: so it is."),
        4 => thought(""),
        5 => call(&id, "lookup", "{}"),
        6 => call(&id, "claims/pay", r#"{"eur":3}"#),
        _ => part(Content::Other("strange".to_owned())),
    }
}

/// A log as a host could write it: answers and calls are of the turn that runs, a turn begins when none does.
fn written(steps: Vec<Step>) -> Vec<Logged> {
    let mut events = Vec::new();
    let (mut turns, mut attempts) = (0, 0);
    let mut turn: Option<String> = None;
    let mut calls: Vec<String> = Vec::new();
    for step in steps {
        let event = match (step, &turn, calls.first()) {
            (Step::Say, None, _) => {
                turns += 1;
                let id = format!("turn_{turns}");
                turn = Some(id.clone());
                said(&id, "hi")
            }
            (Step::Answer(parts), Some(turn), _) => {
                attempts += 1;
                let parts: Vec<Part> = parts
                    .iter()
                    .enumerate()
                    .map(|(index, number)| piece(*number, format!("c{attempts}_{index}")))
                    .collect();
                for part in &parts {
                    if let Content::ToolCall(call) = &part.content {
                        calls.push(call.id.clone());
                    }
                }
                answered(turn, &format!("a{attempts}"), parts)
            }
            (Step::Ask, Some(turn), Some(call)) => asked(turn, call, "claims/pay", "{}"),
            (Step::Decide(decision), Some(_), Some(call)) => SessionEvent::ApprovalGiven {
                request: format!("appr_{call}"),
                decision,
                who: String::new(),
            },
            (Step::Begin, Some(turn), Some(call)) => began(turn, call, "claims/pay"),
            (Step::End(outcome, is_error), Some(turn), Some(_)) => {
                let result = match is_error {
                    true => CallResult::failed("no"),
                    false => gave("yes"),
                };
                ended(turn, &calls.remove(0), outcome, result)
            }
            (Step::Resume(unknown), _, _) => SessionEvent::Resumed {
                unknown: calls.iter().filter(|_| unknown).cloned().collect(),
            },
            (Step::Cancel, Some(_), _) => SessionEvent::CancelAsked { who: String::new() },
            (Step::Finish(outcome), Some(_), _) => {
                calls.clear();
                over(&turn.take().expect("a turn"), outcome)
            }
            (Step::Close(status), _, _) => {
                events.push(SessionEvent::Closed {
                    status,
                    message: "gone".to_owned(),
                });
                break;
            }
            _ => continue,
        };
        events.push(event);
    }
    log(events)
}

fn logs() -> impl Strategy<Value = Vec<Logged>> {
    prop::collection::vec(step(), 0..25).prop_map(written)
}

/// Sequences of events that SDKs can read.
fn check(told: &[Told]) {
    let mut ids = BTreeSet::new();
    // Items by their ids: what they grew to, and whether they are complete.
    let mut open: BTreeMap<String, String> = BTreeMap::new();
    let mut closed = BTreeSet::new();
    for event in told {
        assert!(ids.insert(event.event_id()), "{event:?} twice");
        let id = |value: &serde_json::Value| value.as_str().expect("an id").to_owned();
        let item = &event.data["item"];
        match event.kind().trim_start_matches("agent.session.turn.") {
            "item.added" => {
                let id = id(&item["id"]);
                assert!(
                    !open.contains_key(&id) && !closed.contains(&id),
                    "{id} twice"
                );
                if item["status"] == "in_progress" {
                    open.insert(id, String::new());
                }
            }
            "output_text.delta" | "reasoning_summary_text.delta" => {
                let grown = open
                    .get_mut(&id(&event.data["item_id"]))
                    .expect("added before");
                grown.push_str(event.data["delta"].as_str().expect("a text"));
            }
            "output_text.done" | "reasoning_summary_text.done" => {
                let grown = &open[&id(&event.data["item_id"])];
                assert_eq!(event.data["text"], **grown);
            }
            "item.done" => {
                let id = id(&item["id"]);
                // What became of a call may be known after all.
                if open.remove(&id).is_none() {
                    assert!(closed.contains(&id) && item["type"] == "mcp_call", "{id}");
                }
                closed.insert(id);
            }
            "completed" | "failed" | "cancelled" => {
                assert!(open.is_empty(), "{open:?} at the end of a turn");
            }
            _ => {}
        }
    }
}

/// Deltas of an answer in pieces of `size` characters, of which one may get lost; after those of an attempt that came to
/// nothing.
fn deltas(
    turn: &str,
    attempt: &str,
    parts: &[Part],
    size: usize,
    lost: Option<usize>,
) -> Vec<Live> {
    let mut deltas = vec![
        delta(turn, &format!("{attempt}x"), 0, LiveKind::Text, ""),
        delta(turn, &format!("{attempt}x"), 0, LiveKind::Text, "never"),
    ];
    for (index, part) in parts.iter().enumerate() {
        let (kind, text) = match &part.content {
            Content::Text(text) => (LiveKind::Text, &text.text),
            Content::Reasoning(thought) if !thought.text.is_empty() => {
                (LiveKind::Reasoning, &thought.text)
            }
            _ => continue,
        };
        let characters: Vec<char> = text.chars().collect();
        let pieces = characters
            .chunks(size)
            .map(|piece| piece.iter().collect::<String>());
        let grows = [String::new()].into_iter().chain(pieces);
        deltas.extend(grows.map(|text| delta(turn, attempt, index as u32, kind, &text)));
    }
    if let Some(lost) = lost {
        deltas.truncate(lost);
    }
    deltas
}

proptest! {
    #[test]
    fn streams_are_well_formed_and_agree_with_the_lists(log in logs()) {
        let told = read(&whole(&log));
        check(&told);
        let mut listed = BTreeMap::new();
        for item in items(SESSION, &log, None) {
            prop_assert!(listed.insert(item["id"].to_string(), item).is_none());
        }
        let mut last = BTreeMap::new();
        for event in told.iter().filter(|event| !event.data["item"].is_null()) {
            last.insert(event.data["item"]["id"].to_string(), event.data["item"].clone());
        }
        prop_assert_eq!(listed, last);
    }

    #[test]
    fn who_comes_back_is_told_exactly_the_rest(log in logs(), cut in any::<prop::sample::Index>()) {
        let told = read(&whole(&log));
        let cut = cut.index(told.len());
        let position = Position::read(told[cut].event_id()).expect("an id of ours");
        let mut stream = EventStream::resume(SESSION, position);
        let rest: String = log.iter().map(|logged| stream.push(logged)).collect();
        prop_assert_eq!(&read(&rest), &told[cut + 1..]);
    }

    #[test]
    fn who_comes_late_is_told_what_comes_then(log in logs(), from in any::<prop::sample::Index>()) {
        let from = from.index(log.len() + 1);
        let mut stream = EventStream::new(SESSION);
        log[..from].iter().for_each(|logged| stream.pass(logged));
        let rest: String = log[from..].iter().map(|logged| stream.push(logged)).collect();
        let told = read(&whole(&log)).into_iter().filter(|event| {
            Position::read(event.event_id()).expect("an id of ours").number >= from as u64
        });
        prop_assert_eq!(read(&rest), told.collect::<Vec<_>>());
    }

    #[test]
    fn what_is_told_live_and_what_is_durable_make_one_stream(
        log in logs(), size in 1usize..5, lost in prop::option::of(0usize..12), cut in any::<prop::sample::Index>(),
    ) {
        let mut stream = EventStream::new(SESSION);
        let mut out = String::new();
        for logged in &log {
            if let SessionEvent::Answered { turn, attempt, parts, .. } = &logged.event {
                for live in deltas(turn, attempt, parts, size, lost) {
                    out += &stream.live(&live);
                }
            }
            out += &stream.push(logged);
        }
        let told = read(&out);
        check(&told);
        // What is durable is the same for all, but for what was told live already.
        let all = read(&whole(&log));
        let growth = |event: &&Told| {
            !event.kind().ends_with(".delta") && !event.kind().ends_with("part.added") && !event.kind().ends_with("item.added")
        };
        let durable: Vec<&Told> = told.iter().filter(|event| event.id.is_some()).filter(growth).collect();
        prop_assert_eq!(durable, all.iter().filter(growth).collect::<Vec<_>>());
        // Whatever was told last, what is not in the log yet is told whole.
        let at = &told[cut.index(told.len())];
        let position = Position::read(at.event_id()).expect("an id of ours");
        let mut again = EventStream::resume(SESSION, position);
        let rest: String = log.iter().map(|logged| again.push(logged)).collect();
        let after = all.iter().filter(|event| Position::read(event.event_id()).expect("an id of ours") > position);
        prop_assert_eq!(read(&rest), after.cloned().collect::<Vec<_>>());
    }
}
