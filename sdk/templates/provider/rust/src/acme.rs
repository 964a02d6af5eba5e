//! Acme's requests and answers. Nothing here asks the host, so that tests need none.

use evenhand_sdk::sse::SseEvent;
use evenhand_sdk::types::*;
use evenhand_sdk::{Error, StreamTranslator, Warnings};
use serde_json::{Value, json};

/// Acme's request, and what it could not say.
pub fn translate(request: &GenerateRequest) -> Result<(Value, Warnings), Error> {
    if !request.tools.is_empty() {
        return Err(Error::unsupported("acme has no tools").at("tools"));
    }
    if !matches!(request.output, OutputFormat::Text) {
        return Err(Error::unsupported("acme writes text only").at("output"));
    }
    if request.sampling.choices.unwrap_or(1) > 1 {
        return Err(Error::bad_request("acme gives one answer").at("sampling.choices"));
    }
    let mut turns = Vec::new();
    for message in &request.messages {
        let is_text = |part: &Part| matches!(part.content, Content::Text(_));
        if !message.parts.iter().all(is_text) {
            return Err(Error::bad_request("acme reads text only").at("messages"));
        }
        turns.push(json!({"bot": message.role == Role::Assistant, "text": message.text()}));
    }
    Ok((
        json!({"model": request.model, "turns": turns, "limit": request.sampling.max_tokens}),
        left_out(request),
    ))
}

/// A warning for each field that Acme has no place for: nothing is dropped in silence.
fn left_out(request: &GenerateRequest) -> Warnings {
    let mut warnings = Warnings::default();
    let sampling = &request.sampling;
    let fields = [
        ("sampling.temperature", sampling.temperature.is_some()),
        ("sampling.top-p", sampling.top_p.is_some()),
        ("sampling.top-k", sampling.top_k.is_some()),
        ("sampling.seed", sampling.seed.is_some()),
        (
            "sampling.frequency-penalty",
            sampling.frequency_penalty.is_some(),
        ),
        (
            "sampling.presence-penalty",
            sampling.presence_penalty.is_some(),
        ),
        ("sampling.stop", !sampling.stop.is_empty()),
        ("sampling.logprobs", sampling.logprobs.is_some()),
        ("tool-choice", request.tool_choice.is_some()),
        ("parallel-tool-calls", request.parallel_tool_calls.is_some()),
        ("reasoning", request.reasoning.is_some()),
        ("verbosity", request.verbosity.is_some()),
        (
            "modalities",
            request.modalities.iter().any(|it| it != "text"),
        ),
        ("service-tier", request.service_tier.is_some()),
        ("user", request.user.is_some()),
        ("metadata", !request.metadata.is_empty()),
    ];
    for (field, given) in fields {
        if given {
            warnings.add(field, "acme has no such setting");
        }
    }
    for extension in &request.extensions {
        warnings.add_extension(extension);
    }
    warnings
}

/// Reads an answer.
pub struct Answer {
    opening: Vec<Event>,
    finished: bool,
}

impl Answer {
    pub fn new(model: String, warnings: Warnings) -> Self {
        let mut opening = vec![Event::started(None, Some(model))];
        opening.extend(warnings.into_events());
        opening.push(Event::part_started(0, PartKind::Text));
        Self {
            opening,
            finished: false,
        }
    }
}

impl StreamTranslator for Answer {
    fn read(&mut self, event: &SseEvent, events: &mut Vec<Event>) -> Result<(), Error> {
        events.append(&mut self.opening);
        let said = event.json()?;
        if let Some(text) = said["text"].as_str() {
            events.push(Event::text(0, text));
        }
        if let Some(why) = said["done"].as_str() {
            let reason = match why {
                "end" => FinishReason::Stop,
                "limit" => FinishReason::Length,
                other => FinishReason::Other(other.into()),
            };
            events.push(Event::part_ended(0, None));
            events.push(Event::Usage(Usage {
                input_tokens: said["in"].as_u64(),
                output_tokens: said["out"].as_u64(),
                ..Usage::default()
            }));
            events.push(Event::finished(reason));
            self.finished = true;
        }
        Ok(())
    }

    fn end(&mut self) -> Result<(), Error> {
        match self.finished {
            true => Ok(()),
            false => Err(Error::upstream("acme's answer ended mid-stream")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asked() -> GenerateRequest {
        let hi = Message::new(Role::User, vec![Part::text("Hi")]);
        GenerateRequest::new("acme-1", vec![hi])
    }

    fn read(answer: &mut Answer, data: &str) -> Vec<Event> {
        let mut events = Vec::new();
        let event = SseEvent {
            data: data.into(),
            ..SseEvent::default()
        };
        answer.read(&event, &mut events).unwrap();
        events
    }

    #[test]
    fn what_acme_can_not_say_is_warned_of() {
        let mut request = asked();
        request.sampling.seed = Some(7);
        request.sampling.max_tokens = Some(5);
        let (body, warnings) = translate(&request).unwrap();
        let turns = json!([{"bot": false, "text": "Hi"}]);
        assert_eq!(body, json!({"model": "acme-1", "turns": turns, "limit": 5}));
        assert_eq!(warnings.fields().collect::<Vec<_>>(), ["sampling.seed"]);
        request.sampling.choices = Some(2);
        assert!(translate(&request).is_err());
    }

    #[test]
    fn an_answer_is_read_as_it_comes() {
        let mut answer = Answer::new("acme-1".into(), Warnings::default());
        assert_eq!(read(&mut answer, r#"{"text": "Hel"}"#).len(), 3);
        assert_eq!(
            read(&mut answer, r#"{"text": "lo"}"#),
            [Event::text(0, "lo")]
        );
        assert!(answer.end().is_err(), "it ended mid-stream");
        let last = read(&mut answer, r#"{"done": "end", "in": 1, "out": 2}"#);
        assert_eq!(last.last(), Some(&Event::finished(FinishReason::Stop)));
        assert!(answer.end().is_ok());
    }
}
