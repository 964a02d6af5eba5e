use super::*;
use aws_smithy_eventstream::frame::write_message_to;
use aws_smithy_types::event_stream::{Header, HeaderValue, Message};
use proptest::prelude::*;

/// A frame as the vendor writes it.
pub(crate) fn written(headers: &[(&str, &str)], payload: &str) -> Vec<u8> {
    let headers = headers.iter().map(|(name, value)| {
        let value = HeaderValue::String((*value).to_owned().into());
        Header::new((*name).to_owned(), value)
    });
    let message = Message::new_from_parts(headers.collect(), payload.to_owned());
    let mut bytes = Vec::new();
    write_message_to(&message, &mut bytes).unwrap();
    bytes
}

/// A frame with an event.
pub(crate) fn event(name: &str, payload: &str) -> Vec<u8> {
    let headers = [
        (":event-type", name),
        (":content-type", "application/json"),
        (":message-type", "event"),
    ];
    written(&headers, payload)
}

/// A frame with an exception.
pub(crate) fn exception(name: &str, payload: &str) -> Vec<u8> {
    let headers = [(":exception-type", name), (":message-type", "exception")];
    written(&headers, payload)
}

fn decode(pieces: &[&[u8]]) -> Result<(Vec<Frame>, bool), Error> {
    let (mut decoder, mut frames) = (Decoder::default(), Vec::new());
    for piece in pieces {
        decoder.push(piece, &mut frames)?;
    }
    Ok((frames, decoder.is_between_frames()))
}

fn some_frames() -> Vec<u8> {
    [
        event("messageStart", r#"{"role":"assistant"}"#),
        event("contentBlockDelta", r#"{"delta":{"text":"größer"}}"#),
        event("empty", ""),
        exception("throttlingException", r#"{"message":"Slow down"}"#),
    ]
    .concat()
}

#[test]
fn a_frame_split_at_every_byte_is_the_same_frame() {
    let bytes = some_frames();
    let (whole, _) = decode(&[&bytes]).unwrap();
    let names: Vec<_> = whole
        .iter()
        .map(|frame| (frame.kind, frame.name.as_str()))
        .collect();
    assert_eq!(
        names,
        [
            (Kind::Event, "messageStart"),
            (Kind::Event, "contentBlockDelta"),
            (Kind::Event, "empty"),
            (Kind::Exception, "throttlingException"),
        ]
    );
    for at in 0..bytes.len() {
        let (split, between) = decode(&[&bytes[..at], &bytes[at..]]).unwrap();
        assert_eq!((&split, between), (&whole, true), "split at {at}");
    }
    let each: Vec<_> = bytes.chunks(1).collect();
    assert_eq!(decode(&each).unwrap().0, whole);
}

#[test]
fn an_end_within_a_frame_shows() {
    let bytes = event("messageStart", "{}");
    for at in 1..bytes.len() {
        let (frames, between) = decode(&[&bytes[..at]]).unwrap();
        assert!(frames.is_empty() && !between, "cut at {at}");
    }
    assert!(decode(&[]).unwrap().1);
}

#[test]
fn every_damaged_byte_is_found() {
    let bytes = event("contentBlockDelta", r#"{"delta":{"text":"x"}}"#);
    for at in 0..bytes.len() {
        let mut damaged = bytes.clone();
        damaged[at] ^= 0x40;
        // Damage of the length may make the frame longer than what came: then it never ends.
        if let Ok((frames, between)) = decode(&[&damaged]) {
            assert!(frames.is_empty() && !between, "byte {at}");
            assert!(at < 4, "byte {at}");
        }
    }
}

#[test]
fn a_frame_over_the_limit_is_refused_before_it_is_kept() {
    let mut decoder = Decoder::default();
    let endless = [0xff; 1 << 16];
    let refused = (0..1000).find_map(|_| decoder.push(&endless, &mut Vec::new()).err());
    assert!(refused.unwrap().message.contains("damaged"));
    assert!(decoder.bytes.len() <= LARGEST + endless.len());
}

#[test]
fn errors_without_an_exception_and_kinds_unheard_of() {
    let error = written(
        &[
            (":message-type", "error"),
            (":error-code", "InternalError"),
            (":error-message", "It broke"),
        ],
        "",
    );
    let (frames, _) = decode(&[&error]).unwrap();
    let frame = &frames[0];
    assert_eq!(
        (frame.kind, frame.name.as_str()),
        (Kind::Error, "InternalError")
    );
    assert_eq!(frame.payload, b"It broke");
    let new = written(&[(":message-type", "greeting")], "{}");
    assert!(decode(&[&new]).unwrap().0.is_empty());
    assert!(decode(&[&written(&[], "{}")]).is_err());
}

proptest! {
    #[test]
    fn no_split_changes_what_is_read(cuts in proptest::collection::vec(0usize..1000, 0..8)) {
        let bytes = some_frames();
        let mut cuts: Vec<_> = cuts.into_iter().map(|cut| cut % bytes.len()).collect();
        cuts.extend([0, bytes.len()]);
        cuts.sort_unstable();
        let pieces: Vec<_> = cuts.windows(2).map(|cut| &bytes[cut[0]..cut[1]]).collect();
        prop_assert_eq!(decode(&pieces).unwrap(), decode(&[&bytes]).unwrap());
    }

    #[test]
    fn no_damage_goes_unseen(at in 4usize..1000, mask in 1u8..) {
        let mut bytes = some_frames();
        let at = at % bytes.len();
        bytes[at] ^= mask;
        let (whole, _) = decode(&[&some_frames()]).unwrap();
        // A longer length asks for more than came; all that was read before is right.
        match decode(&[&bytes]) {
            Ok((frames, between)) => prop_assert!(!between && frames.len() < whole.len() && whole.starts_with(&frames)),
            Err(error) => prop_assert!(error.message.contains("damaged")),
        }
    }

    #[test]
    fn no_bytes_are_too_strange(bytes in proptest::collection::vec(any::<u8>(), 0..200), length in 0u32..64) {
        drop(decode(&[&bytes]));
        // A plausible length before them.
        drop(decode(&[&length.to_be_bytes(), &bytes]));
    }
}
