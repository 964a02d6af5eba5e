use types::neutral::{Finished, PartDelta, PartEnded, PartStarted, Started};

use super::*;

fn began(index: u32) -> Event {
    Event::PartStarted(PartStarted {
        choice: 0,
        index,
        kind: PartKind::Text,
    })
}

fn grew(index: u32, text: &str) -> Event {
    Event::PartDelta(PartDelta {
        choice: 0,
        index,
        delta: Delta::Text(text.into()),
    })
}

fn ended(index: u32, data: Option<&str>) -> Event {
    Event::PartEnded(PartEnded {
        choice: 0,
        index,
        provider_data: data.map(Into::into),
    })
}

fn end() -> Event {
    Event::Finished(Finished {
        choice: 0,
        reason: FinishReason::Stop,
    })
}

fn disorder(events: Vec<Event>) -> Vec<String> {
    let mut answer = Answer::default();
    answer.read(events);
    answer.disorder
}

fn start() -> Event {
    Event::Started(Started::default())
}

#[test]
fn good_order_is_good() {
    let mut answer = Answer::default();
    answer.read(vec![
        start(),
        began(0),
        began(1),
        grew(0, "a"),
        grew(1, "b"),
    ]);
    answer.read(vec![
        grew(0, "c"),
        ended(0, Some("{}")),
        ended(1, None),
        end(),
    ]);
    assert_eq!(answer.disorder, Vec::<String>::new());
    assert_eq!(answer.said(|kind| *kind == Kind::Text), "acb");
    assert_eq!(answer.gist()[2], "0 ends: stop");
}

#[test]
fn bad_order_is_told() {
    for (events, told) in [
        (vec![began(0)], "something else than `started`"),
        (vec![start(), start()], "a second `started`"),
        (
            vec![start(), began(1), ended(1, None), end()],
            "count from 0",
        ),
        (vec![start(), began(0), began(0)], "begins twice"),
        (vec![start(), grew(0, "x")], "is not open"),
        (
            vec![start(), began(0), ended(0, None), grew(0, "x")],
            "is not open",
        ),
        (vec![start(), began(0), end()], "open part"),
        (vec![start(), end(), end()], "a second `finished`"),
        (vec![start(), end(), began(0)], "after choice 0 finished"),
        (vec![start(), began(0), ended(0, Some("{"))], "no JSON"),
    ] {
        let said = disorder(events);
        assert!(
            said.iter().any(|said| said.contains(told)),
            "{told}: {said:?}"
        );
    }
}
