use bytes::Bytes;
use dialects::Wire;
use dialects::native::Tap;
use proptest::prelude::*;

const CHAT: &str = concat!(
    ": keep-alive\n\n",
    "data: {\"id\":\"1\",\"choices\":[{\"index\":0,\"delta\":{\"content\":\"usage é\"}}],\"usage\":null}\n\n",
    "data:{\"id\":\"1\",\"choices\":[{\"index\":0,\"delta\":{},\"finish_reason\":\"stop\"}]}\n\n",
    "data: {\"id\":\"1\",\"choices\":[],\"usage\":{\"prompt_tokens\":7,\"completion_tokens\":3,",
    "\"prompt_tokens_details\":{\"cached_tokens\":2}}}\n\n",
    "data: [DONE]\n\n",
);

const MESSAGES: &str = concat!(
    "event: message_start\ndata: {\"type\":\"message_start\",\"message\":{\"usage\":{\"input_tokens\":3,",
    "\"cache_read_input_tokens\":4,\"cache_creation_input_tokens\":5,\"cache_creation\":{\"ephemeral_5m_input_tokens\":3,",
    "\"ephemeral_1h_input_tokens\":2},\"output_tokens\":1}}}\n\n",
    "event: ping\ndata: {\"type\": \"ping\"}\n\n",
    "event: content_block_delta\ndata: {\"type\":\"content_block_delta\",\"delta\":{\"type\":\"text_delta\",\"text\":\"\\\"usage\\\"\"}}\n\n",
    "event: message_delta\ndata: {\"type\":\"message_delta\",\"delta\":{},\"usage\":{\"output_tokens\":9,\"input_tokens\":null}}\n\n",
    "event: message_stop\ndata: {\"type\":\"message_stop\"}\n\n",
);

const RESPONSES: &str = concat!(
    "event: response.created\ndata: {\"type\":\"response.created\",\"sequence_number\":0,\"response\":{\"usage\":null}}\n\n",
    "event: response.output_text.delta\n",
    "data: {\"type\":\"response.output_text.delta\",\"delta\":\"\\\"sequence_number\\\":9 response.completed\",\"sequence_number\" : 1}\n\n",
    "event: response.completed\ndata: {\"type\":\"response.completed\",\"response\":{\"metadata\":{\"usage\":\"x\"},\"usage\":",
    "{\"input_tokens\":7,\"input_tokens_details\":{\"cached_tokens\":2,\"cache_write_tokens\":1},\"output_tokens\":3,",
    "\"output_tokens_details\":{\"reasoning_tokens\":2}}},\"sequence_number\":2}\n\n",
);

/// What the client gets if the bytes come in pieces cut at these places.
fn through(tap: &mut Tap, bytes: &[u8], cuts: &[usize]) -> Vec<u8> {
    let mut cuts: Vec<usize> = cuts.iter().map(|cut| cut % (bytes.len() + 1)).collect();
    cuts.extend([0, bytes.len()]);
    cuts.sort_unstable();
    let mut out = Vec::new();
    for pair in cuts.windows(2) {
        out.extend(tap.push(Bytes::copy_from_slice(&bytes[pair[0]..pair[1]])));
    }
    out.extend(tap.finish());
    out
}

fn without_usage_chunk(stream: &str) -> String {
    let start = stream
        .find("data: {\"id\":\"1\",\"choices\":[],")
        .expect("there");
    let end = stream.find("data: [DONE]").expect("there");
    format!("{}{}", &stream[..start], &stream[end..])
}

#[test]
fn nothing_stalls() {
    let mut tap = Tap::new(Wire::OpenAiChat, true, true);
    let pushed = |tap: &mut Tap, text: &'static str| tap.push(Bytes::from_static(text.as_bytes()));
    assert_eq!(
        pushed(&mut tap, "data: {\"a\":1}\n\ndata: {"),
        "data: {\"a\":1}\n\n"
    );
    assert_eq!(pushed(&mut tap, "}\n"), "");
    assert_eq!(pushed(&mut tap, "\n"), "data: {}\n\n");
    assert_eq!(pushed(&mut tap, "data: {}\r\n\r"), "data: {}\r\n\r");
    assert_eq!(pushed(&mut tap, "\n"), "\n");
    assert_eq!(pushed(&mut tap, "data: [DONE]"), "");
    assert!(!tap.ended());
    assert_eq!(tap.finish(), "data: [DONE]");
    assert!(tap.ended());
    let mut tap = Tap::new(Wire::OpenAiChat, true, false);
    assert_eq!(pushed(&mut tap, "data: {}\n\n"), "data: {}\n\n");
}

#[test]
fn a_huge_event_is_not_held() {
    let mut tap = Tap::new(Wire::OpenAiChat, true, true);
    let piece = Bytes::from(vec![b'x'; 100_000]);
    let mut sent = b"data: ".to_vec();
    let mut out = tap.push(Bytes::from_static(b"data: ")).to_vec();
    for _ in 0..50 {
        sent.extend_from_slice(&piece);
        out.extend(tap.push(piece.clone()));
        assert!(
            sent.len() - out.len() <= 400_000,
            "holds {} bytes",
            sent.len() - out.len()
        );
    }
    sent.extend_from_slice(b"\n\ndata: [DONE]\n\n");
    out.extend(tap.push(Bytes::from_static(b"\n\ndata: [DONE]\n\n")));
    assert!(out == sent && tap.ended());
}

#[test]
fn errors_end_streams() {
    for (wire, event) in [
        (
            Wire::OpenAiChat,
            "data: {\"error\":{\"message\":\"x\"}}\n\n",
        ),
        (
            Wire::AnthropicMessages,
            "event: error\ndata: {\"type\":\"error\",\"error\":{\"type\":\"api_error\",\"message\":\"x\"}}\n\n",
        ),
    ] {
        let mut tap = Tap::new(wire, true, true);
        assert_eq!(through(&mut tap, event.as_bytes(), &[]), event.as_bytes());
        assert!(tap.ended() && tap.usage().is_none());
    }
    let mut tap = Tap::new(Wire::OpenAiChat, true, false);
    through(&mut tap, &CHAT.as_bytes()[..60], &[]);
    assert!(!tap.ended());
}

#[test]
fn a_stream_that_breaks_off_ends_with_an_error_of_its_dialect() {
    let error = types::Error::new(types::ErrorCode::Upstream, "cut");
    for (wire, sent, ending) in [
        (
            Wire::OpenAiChat,
            CHAT,
            "data: {\"error\":{\"message\":\"cut\",\"type\":\"server_error\",\"param\":null,\"code\":\"upstream_error\"}}\n\n",
        ),
        (
            Wire::AnthropicMessages,
            MESSAGES,
            "event: error\ndata: {\"type\":\"error\",\"error\":{\"type\":\"api_error\",\"message\":\"cut\"}}\n\n",
        ),
        (
            Wire::OpenAiResponses,
            RESPONSES,
            "event: error\ndata: {\"type\":\"error\",\"sequence_number\":2,\"code\":\"upstream_error\",\"message\":\"cut\",\"param\":null}\n\n",
        ),
    ] {
        let mut tap = Tap::new(wire, true, false);
        let cut = sent
            .find("\"finish_reason\"")
            .or(sent.find("message_stop\n"))
            .or(sent.rfind("event:"));
        let sent = &sent.as_bytes()[..cut.expect("there")];
        tap.push(Bytes::copy_from_slice(sent));
        assert!(!tap.ended());
        assert_eq!(tap.fail(&error), ending);
    }
    let mut tap = Tap::new(Wire::OpenAiResponses, true, false);
    let own =
        "event: error\ndata: {\"type\":\"error\",\"message\":\"x\",\"sequence_number\":4}\n\n";
    through(&mut tap, own.as_bytes(), &[]);
    assert!(tap.ended());
}

/// What a server that says no `[DONE]` sends: a chunk for each of these answers, and why it ended, if it did.
fn chunks(steps: &[(u32, Option<&str>)]) -> String {
    let chunk = |(index, reason): &(u32, Option<&str>)| {
        let call = serde_json::json!({ "tool_calls": [{ "index": 3 }] });
        let choice = serde_json::json!({ "index": index, "delta": call, "finish_reason": reason });
        format!("data: {}\n\n", serde_json::json!({ "choices": [choice] }))
    };
    steps.iter().map(chunk).collect()
}

#[test]
fn a_stream_is_whole_when_all_its_answers_are() {
    let stop = Some("stop");
    for (steps, whole) in [
        (&[(0, None), (0, stop)][..], true),
        (&[(0, None), (1, None), (0, stop), (1, stop)], true),
        (&[(0, None)], false),
        (&[(0, None), (1, None), (0, stop)], false),
        (&[(0, None), (1, None), (1, stop)], false),
        (&[], false),
    ] {
        // Some write a space after each colon.
        for stream in [chunks(steps), chunks(steps).replace("\":", "\" : ")] {
            let mut tap = Tap::new(Wire::OpenAiChat, true, false);
            assert_eq!(tap.push(Bytes::from(stream.clone())), stream);
            assert!(!tap.ended(), "bytes that break off here are no end");
            tap.finish();
            assert_eq!(tap.ended(), whole, "{stream}");
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(16))]

    /// Its last event repeats all of a response: with an image in it, it is larger than what is kept of an event.
    #[test]
    fn the_end_of_a_large_response_is_found(cuts in prop::collection::vec(any::<usize>(), 0..12), named in any::<bool>()) {
        let image = "x".repeat(1_000_000);
        let end = serde_json::json!({ "type": "response.incomplete", "response": {
            "output": [{ "usage": { "input_tokens": 1 }, "result": image }],
            "usage": { "input_tokens": 7, "output_tokens": 3 }, "user": null,
        } });
        let name = if named { "event: response.incomplete\n" } else { "" };
        let stream = format!("{name}data: {end}\n\n");
        let mut tap = Tap::new(Wire::OpenAiResponses, true, false);
        prop_assert!(through(&mut tap, stream.as_bytes(), &cuts) == stream.as_bytes());
        prop_assert_eq!(tap.ended(), named);
        let usage = tap.usage().expect("told");
        prop_assert_eq!((usage.input_tokens, usage.output_tokens), (Some(7), Some(3)));
    }
}

proptest! {
    #[test]
    fn the_client_gets_what_the_vendor_sent(
        cuts in prop::collection::vec(any::<usize>(), 0..12),
        hide in any::<bool>(),
        lines in prop_oneof![Just("\n"), Just("\r\n"), Just("\r")],
    ) {
        let chat = CHAT.replace('\n', lines);
        let mut tap = Tap::new(Wire::OpenAiChat, true, hide);
        let out = through(&mut tap, chat.as_bytes(), &cuts);
        let expected = if hide { without_usage_chunk(&chat) } else { chat.clone() };
        prop_assert_eq!(String::from_utf8(out).expect("UTF-8"), expected);
        prop_assert!(tap.ended());
        let usage = tap.usage().expect("told");
        prop_assert_eq!((usage.input_tokens, usage.cache_read_tokens, usage.output_tokens), (Some(7), Some(2), Some(3)));

        let messages = MESSAGES.replace('\n', lines);
        let mut tap = Tap::new(Wire::AnthropicMessages, true, hide);
        let out = through(&mut tap, messages.as_bytes(), &cuts);
        prop_assert_eq!(String::from_utf8(out).expect("UTF-8"), messages);
        prop_assert!(tap.ended());
        let usage = tap.usage().expect("told");
        prop_assert_eq!((usage.input_tokens, usage.cache_read_tokens, usage.output_tokens), (Some(12), Some(4), Some(9)));
        prop_assert_eq!((usage.cache_write_tokens, usage.cache_write_1h_tokens), (Some(3), Some(2)));

        let responses = RESPONSES.replace('\n', lines);
        let mut tap = Tap::new(Wire::OpenAiResponses, true, hide);
        let out = through(&mut tap, responses.as_bytes(), &cuts);
        prop_assert_eq!(String::from_utf8(out).expect("UTF-8"), responses);
        prop_assert!(tap.ended());
        let usage = tap.usage().expect("told");
        prop_assert_eq!((usage.input_tokens, usage.cache_read_tokens, usage.output_tokens), (Some(7), Some(2), Some(3)));
        prop_assert_eq!((usage.cache_write_tokens, usage.reasoning_tokens), (Some(1), Some(2)));
    }

    #[test]
    fn any_bytes_pass(
        bytes in prop::collection::vec(prop_oneof![Just(b'\n'), Just(b'\r'), Just(b':'), Just(b'"'), Just(b'{'), any::<u8>()], 0..300),
        cuts in prop::collection::vec(any::<usize>(), 0..8),
        hide in any::<bool>(), stream in any::<bool>(),
    ) {
        for wire in Wire::ALL {
            let mut tap = Tap::new(wire, stream, hide);
            prop_assert_eq!(&through(&mut tap, &bytes, &cuts), &bytes);
            let _ = tap.usage();
        }
    }

    #[test]
    fn usage_of_a_body_is_found_wherever_it_is(
        before in any::<String>(), after in any::<String>(), cuts in prop::collection::vec(any::<usize>(), 0..8),
        input in any::<u32>(),
    ) {
        let body = serde_json::json!({
            before.as_str(): [before, { "usage": "no" }],
            "data": [{ "embedding": [0.5, "]}"], "usage": { "prompt_tokens": 1 } }],
            "usage": { "prompt_tokens": input, "prompt_tokens_details": { "cached_tokens": 1 } },
            "\"": after,
        })
        .to_string();
        let mut tap = Tap::new(Wire::OpenAiChat, false, false);
        prop_assert_eq!(through(&mut tap, body.as_bytes(), &cuts), body.as_bytes());
        prop_assert!(tap.ended());
        let usage = tap.usage().expect("found");
        prop_assert_eq!((usage.input_tokens, usage.cache_read_tokens), (Some(input.into()), Some(1)));
        let body = body.replace("prompt_tokens", "input_tokens");
        let mut tap = Tap::new(Wire::OpenAiResponses, false, false);
        prop_assert_eq!(through(&mut tap, body.as_bytes(), &cuts), body.as_bytes());
        let usage = tap.usage().expect("found");
        prop_assert_eq!((usage.input_tokens, usage.cache_read_tokens), (Some(input.into()), Some(1)));
    }
}
