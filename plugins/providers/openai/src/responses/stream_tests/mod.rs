use super::*;
use evenhand_sdk::sse::Decoder;
use serde_json::json;

mod answers;
mod endings;
mod returned;

fn machine() -> Machine {
    Machine::new(Names::new(64), vec![])
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

/// Bytes of these events, numbered.
fn bytes(events: &[Value]) -> Vec<u8> {
    let lines = events.iter().enumerate().map(|(at, event)| {
        let mut event = event.clone();
        event["sequence_number"] = json!(at);
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
    let data = |data: &Option<String>| {
        data.as_deref()
            .map(|data| format!(" {data}"))
            .unwrap_or_default()
    };
    match event {
        Event::Started(started) => format!(
            "started {} {} {}",
            started.id.as_deref().unwrap_or("-"),
            started.model.as_deref().unwrap_or("-"),
            started.service_tier.as_deref().unwrap_or("-")
        ),
        Event::PartStarted(part) => match &part.kind {
            PartKind::Text => format!("{} + text", part.index),
            PartKind::Refusal => format!("{} + refusal", part.index),
            PartKind::Audio(_) => format!("{} + audio", part.index),
            PartKind::Reasoning(kind) => format!("{} + {kind:?}", part.index),
            PartKind::ToolCall(call) => format!("{} + call {} {}", part.index, call.id, call.name),
        },
        Event::PartDelta(part) => match &part.delta {
            Delta::Text(text) => format!("{} {text}", part.index),
            Delta::Citation(cited) => {
                let name = cited
                    .url
                    .as_deref()
                    .or(cited.title.as_deref())
                    .unwrap_or("-");
                format!("{} cites {name}{}", part.index, data(&cited.provider_data))
            }
            Delta::Logprobs(tokens) => format!("{} {} logprobs", part.index, tokens.len()),
        },
        Event::PartEnded(part) => format!("{} .{}", part.index, data(&part.provider_data)),
        Event::Part(whole) => {
            let what = match &whole.part.content {
                Content::ToolCall(call) => format!(
                    "call {} {} {} {}",
                    call.id, call.name, call.arguments, call.by_provider
                ),
                Content::ToolResult(result) => format!(
                    "result {} {:?} {}",
                    result.call_id, result.content, result.is_error
                ),
                Content::Other(kind) => format!("other {kind}"),
                other => format!("{other:?}"),
            };
            format!(
                "{} = {what}{}",
                whole.index,
                data(&whole.part.provider_data)
            )
        }
        Event::Warning(warning) => format!("warning {}", warning.field),
        Event::Usage(usage) => format!(
            "usage {:?} {:?} {:?} {:?} {:?}",
            usage.input_tokens,
            usage.cache_read_tokens,
            usage.cache_write_tokens,
            usage.output_tokens,
            usage.reasoning_tokens
        ),
        Event::Finished(finished) => format!("finished {:?}", finished.reason),
    }
}

fn created() -> Value {
    json!({"type": "response.created", "response": {"id": "resp_1", "object": "response", "status": "in_progress",
        "model": "m", "service_tier": "default", "output": []}})
}

fn added(at: u64, item: Value) -> Value {
    json!({"type": "response.output_item.added", "output_index": at, "item": item})
}

fn done(at: u64, item: Value) -> Value {
    json!({"type": "response.output_item.done", "output_index": at, "item": item})
}

fn of(kind: &str, at: u64, more: Value) -> Value {
    let mut event = json!({"type": format!("response.{kind}"), "output_index": at, "item_id": format!("item_{at}")});
    for (name, value) in more.as_object().unwrap() {
        event[name] = value.clone();
    }
    event
}

/// The last event, with these items and nothing said of tokens.
fn completed(output: &[Value]) -> Value {
    json!({"type": "response.completed", "response": {"id": "resp_1", "status": "completed", "output": output}})
}

/// A message of text, as the vendor streams it.
fn text(at: u64, pieces: &[&str]) -> Vec<Value> {
    let whole = pieces.concat();
    let part = |text: &str| json!({"type": "output_text", "text": text, "annotations": []});
    let item = |content: Value, status: &str| json!({"id": format!("item_{at}"), "type": "message", "role": "assistant", "status": status, "content": content});
    let mut events = vec![
        added(at, item(json!([]), "in_progress")),
        of(
            "content_part.added",
            at,
            json!({"content_index": 0, "part": part("")}),
        ),
    ];
    let delta = |piece: &&str| {
        of(
            "output_text.delta",
            at,
            json!({"content_index": 0, "delta": piece, "logprobs": []}),
        )
    };
    events.extend(pieces.iter().map(delta));
    events.push(of(
        "output_text.done",
        at,
        json!({"content_index": 0, "text": whole, "logprobs": []}),
    ));
    events.push(of(
        "content_part.done",
        at,
        json!({"content_index": 0, "part": part(&whole)}),
    ));
    events.push(done(at, item(json!([part(&whole)]), "completed")));
    events
}

fn call(at: u64, name: &str, pieces: &[&str]) -> Vec<Value> {
    let item = |arguments: &str, status: &str| {
        json!({"id": format!("item_{at}"), "type": "function_call", "call_id": format!("call_{at}"), "name": name,
            "arguments": arguments, "status": status})
    };
    let whole = pieces.concat();
    let mut events = vec![added(at, item("", "in_progress"))];
    events.extend(
        pieces
            .iter()
            .map(|piece| of("function_call_arguments.delta", at, json!({"delta": piece}))),
    );
    events.push(of(
        "function_call_arguments.done",
        at,
        json!({"arguments": whole}),
    ));
    events.push(done(at, item(&whole, "completed")));
    events
}

/// The whole items of an answer that streamed.
fn items(events: &[Value]) -> Vec<Value> {
    let done = events
        .iter()
        .filter(|event| event["type"] == "response.output_item.done");
    done.map(|event| event["item"].clone()).collect()
}

/// Lines of an answer between its beginning and its end.
fn told(events: &[Value]) -> Vec<String> {
    let mut all = vec![created()];
    all.extend(events.iter().cloned());
    all.push(completed(&items(events)));
    let mut lines = lines(&run(machine(), &[&bytes(&all)]).unwrap());
    lines.remove(0);
    lines
}
