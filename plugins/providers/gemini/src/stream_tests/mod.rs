use super::*;
use evenhand_sdk::sse::Decoder;
use serde_json::json;

mod answers;
mod endings;
mod round_trip;

fn machine() -> Machine {
    Machine::new(Names::default(), vec![], 1)
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

/// Chunks as the vendor sends them: lines end with CR and LF.
fn bytes(chunks: &[Value]) -> Vec<u8> {
    let lines = chunks.iter().map(|chunk| format!("data: {chunk}\r\n\r\n"));
    lines.collect::<String>().into_bytes()
}

/// A chunk with these parts.
fn parts(parts: Value) -> Value {
    json!({"candidates": [{"content": {"parts": parts, "role": "model"}}], "modelVersion": "m", "responseId": "r"})
}

/// The last chunk, with this reason.
fn end(reason: &str) -> Value {
    json!({"candidates": [{"content": {"role": "model"}, "finishReason": reason}], "modelVersion": "m", "responseId": "r"})
}

/// The same chunk with an account.
fn spent(mut chunk: Value) -> Value {
    chunk["usageMetadata"] =
        json!({"promptTokenCount": 5, "candidatesTokenCount": 7, "thoughtsTokenCount": 2});
    chunk
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
            PartKind::ToolCall(call) => format!(
                "{} + call {} {} {}",
                part.index, call.id, call.name, call.by_provider
            ),
            PartKind::Audio(kind) => {
                format!("{} + audio {}", part.index, kind.as_deref().unwrap_or(""))
            }
            PartKind::Reasoning(ReasoningKind::Summary) => format!("{} + thought", part.index),
            PartKind::Text => format!("{} + text", part.index),
            kind => unreachable!("this vendor has no {kind:?}"),
        },
        Event::PartDelta(part) => match &part.delta {
            Delta::Text(text) => format!("{} {text}", part.index),
            Delta::Citation(cited) => format!(
                "{} cites {:?} {:?} {:?}",
                part.index, cited.url, cited.start, cited.end
            ),
            Delta::Logprobs(tokens) => format!("{} tokens {tokens:?}", part.index),
        },
        Event::PartEnded(part) => format!(
            "{} . {}",
            part.index,
            part.provider_data.as_deref().unwrap_or("")
        ),
        Event::Part(whole) => {
            let kind = match &whole.part.content {
                Content::Image(image) => format!("image {:?}", image.media_type),
                Content::File(file) => format!("file {:?}", file.media_type),
                Content::ToolResult(result) => format!(
                    "result {} {:?} {}",
                    result.call_id, result.content, result.is_error
                ),
                Content::Other(kind) => format!("other {kind}"),
                content => unreachable!("no whole {content:?}"),
            };
            format!(
                "{} whole {kind} {}",
                whole.index,
                whole.part.provider_data.as_deref().unwrap_or("")
            )
        }
        Event::Warning(warning) => format!("warning {} {}", warning.field, warning.message),
        Event::Usage(usage) => format!("usage {:?} {:?}", usage.input_tokens, usage.output_tokens),
        Event::Finished(finished) => format!("finished {} {:?}", finished.choice, finished.reason),
    }
}
