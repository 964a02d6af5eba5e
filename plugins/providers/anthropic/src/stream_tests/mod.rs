use super::*;
use evenhand_sdk::sse::Decoder;

mod answers;
mod endings;

fn machine() -> Machine {
    Machine::new(Names::new(64), ReasoningKind::Full, vec![])
}

/// Runs an answer of these bytes, which come in these pieces.
fn run(mut machine: Machine, pieces: &[&[u8]]) -> Result<Vec<Event>, Error> {
    let (mut decoder, mut read, mut events) = (Decoder::default(), Vec::new(), Vec::new());
    for piece in pieces {
        decoder.push(piece, &mut read);
        for event in read.drain(..) {
            machine.read(&event, &mut events)?;
        }
    }
    machine.end()?;
    Ok(events)
}

fn bytes(events: &[Value]) -> Vec<u8> {
    let lines = events.iter().map(|event| {
        format!(
            "event: {}\ndata: {event}\n\n",
            event["type"].as_str().unwrap_or_default()
        )
    });
    lines.collect::<String>().into_bytes()
}

fn lines(events: &[Event]) -> Vec<String> {
    events.iter().map(line).collect()
}

fn line(event: &Event) -> String {
    match event {
        Event::Started(started) => format!(
            "started {:?} {:?} {:?}",
            started.id, started.model, started.service_tier
        ),
        Event::PartStarted(part) => match &part.kind {
            PartKind::ToolCall(call) => {
                format!(
                    "{} + call {} {} {}",
                    part.index, call.id, call.name, call.by_provider
                )
            }
            kind => format!("{} + {kind:?}", part.index),
        },
        Event::PartDelta(part) => match &part.delta {
            Delta::Text(text) => format!("{} {text}", part.index),
            Delta::Citation(cited) => format!("{} cites {:?}", part.index, cited.cited_text),
            Delta::Logprobs(_) => unreachable!("this vendor gives none"),
        },
        Event::PartEnded(part) => format!(
            "{} . {}",
            part.index,
            part.provider_data.as_deref().unwrap_or("")
        ),
        Event::Part(part) => format!(
            "{} whole {}",
            part.index,
            part.part.provider_data.as_deref().unwrap_or("")
        ),
        Event::Warning(warning) => format!("warning {}", warning.field),
        Event::Usage(usage) => format!("usage {:?} {:?}", usage.input_tokens, usage.output_tokens),
        Event::Finished(finished) => format!("finished {:?}", finished.reason),
    }
}

fn begin() -> Value {
    json!({"type": "message_start", "message": {"id": "msg_1", "type": "message", "role": "assistant", "model": "m",
        "content": [], "stop_reason": null,
        "usage": {"input_tokens": 5, "cache_read_input_tokens": 7, "output_tokens": 1, "service_tier": "standard"}}})
}

fn block(index: u64, block: Value) -> Value {
    json!({"type": "content_block_start", "index": index, "content_block": block})
}

fn delta(index: u64, delta: Value) -> Value {
    json!({"type": "content_block_delta", "index": index, "delta": delta})
}

fn stop(index: u64) -> Value {
    json!({"type": "content_block_stop", "index": index})
}

fn end(reason: &str) -> [Value; 2] {
    [
        json!({"type": "message_delta", "delta": {"stop_reason": reason, "stop_sequence": null}, "usage": {"output_tokens": 9}}),
        json!({"type": "message_stop"}),
    ]
}

fn text(index: u64, said: &str) -> [Value; 3] {
    [
        block(index, json!({"type": "text", "text": ""})),
        delta(index, json!({"type": "text_delta", "text": said})),
        stop(index),
    ]
}

fn answer(middle: &[Value], reason: &str) -> Vec<u8> {
    bytes(&[&[begin()], middle, &end(reason)].concat())
}
