//! The API's events, or an answer that came whole, to neutral events: a state machine without I/O.

use evenhand_sdk::names::Names;
use evenhand_sdk::sse::SseEvent;
use evenhand_sdk::types::*;
use evenhand_sdk::{Error, StreamTranslator};
use serde_json::Value;

use super::answer::{Answer, Slot};
use super::usage::usage;
use crate::errors::error_in_stream;

/// Reads an answer.
#[derive(Debug)]
pub(crate) struct Machine {
    names: Names,
    /// Emitted after `started`, which must come first.
    warnings: Vec<Event>,
    started: bool,
    answer: Answer,
    finished: bool,
}

impl Machine {
    /// For a request with these tools and warnings.
    pub(crate) fn new(names: Names, warnings: Vec<Event>) -> Self {
        Self {
            names,
            warnings,
            started: false,
            answer: Answer::default(),
            finished: false,
        }
    }

    /// Takes an answer that came in one piece.
    pub(crate) fn whole(&mut self, response: &Value, events: &mut Vec<Event>) -> Result<(), Error> {
        match response
            .get("error")
            .filter(|_| response.get("output").is_none())
        {
            Some(error) if !error.is_null() => return Err(error_in_stream(error)),
            _ => {}
        }
        let status = response["status"].as_str().unwrap_or_default().to_owned();
        self.last(&status, response, events)?;
        self.end()
    }

    fn event(&mut self, event: &Value, name: &str, events: &mut Vec<Event>) -> Result<(), Error> {
        let kind = event["type"].as_str().unwrap_or(name);
        if kind == "error" || (kind.is_empty() && !event["error"].is_null()) {
            return Err(error_in_stream(
                event
                    .get("error")
                    .filter(|it| it.is_object())
                    .unwrap_or(event),
            ));
        }
        let kind = kind.strip_prefix("response.").unwrap_or(kind);
        // Nothing comes after the end.
        if self.finished {
            return Ok(());
        }
        self.start(&event["response"], events);
        let at = self.answer.place(event);
        let text = |field: &str| event[field].as_str().unwrap_or_default();
        let number = |field: &str| event[field].as_u64().unwrap_or_default();
        let answer = &mut self.answer;
        match kind {
            "output_item.added" => return answer.added(at, &event["item"], &self.names, events),
            "output_item.done" => return answer.done(at, &event["item"], &self.names, events),
            "content_part.done" => {
                answer.content_done(at, number("content_index"), &event["part"], events)
            }
            "output_text.delta" => {
                let slot = Slot::Text(number("content_index"));
                answer.grow(at, slot, text("delta"), events);
                answer.weigh(at, slot, &event["logprobs"], events);
            }
            "output_text.done" => answer.complete(
                at,
                Slot::Text(number("content_index")),
                text("text"),
                events,
            ),
            "output_text.annotation.added" => {
                answer.cite(at, number("content_index"), &event["annotation"], events)
            }
            "refusal.delta" => answer.grow(
                at,
                Slot::Refusal(number("content_index")),
                text("delta"),
                events,
            ),
            "refusal.done" => answer.complete(
                at,
                Slot::Refusal(number("content_index")),
                text("refusal"),
                events,
            ),
            "reasoning_summary_text.delta" => {
                answer.summarise(at, number("summary_index"), text("delta"), events)
            }
            "reasoning_text.delta" => answer.grow(at, Slot::Thought, text("delta"), events),
            "function_call_arguments.delta" | "custom_tool_call_input.delta" => {
                answer.grow(at, Slot::Call, text("delta"), events);
            }
            "function_call_arguments.done" => {
                answer.complete(at, Slot::Call, text("arguments"), events)
            }
            "custom_tool_call_input.done" => answer.complete(at, Slot::Call, text("input"), events),
            "audio.delta" => answer.sound(text("delta"), "", events),
            "audio.transcript.delta" => answer.sound("", text("delta"), events),
            "completed" | "incomplete" | "failed" | "cancelled" => {
                return self.last(kind, &event["response"], events);
            }
            // `created`, `queued` and `in_progress` began the answer above. Parts begin when they say something, and end with
            // their item, so `content_part.added`, `reasoning_summary_part.*` and the other `.done` say nothing new. Tools that
            // the vendor runs (`web_search_call.*`, `code_interpreter_call_code.*`, `image_generation_call.*`, `mcp_*`,
            // `shell_call_*` …) tell how far they are; what came of it is in their item. So it will be with types to come.
            _ => {}
        }
        Ok(())
    }

    fn start(&mut self, response: &Value, events: &mut Vec<Event>) {
        if self.started {
            return;
        }
        let text = |field: &str| {
            let text = response[field].as_str().filter(|text| !text.is_empty());
            text.map(str::to_owned)
        };
        self.started = true;
        events.push(Event::Started(Started {
            id: text("id"),
            model: text("model"),
            service_tier: text("service_tier"),
        }));
        events.append(&mut self.warnings);
    }

    /// The whole answer, as its last event or without any.
    fn last(
        &mut self,
        status: &str,
        response: &Value,
        events: &mut Vec<Event>,
    ) -> Result<(), Error> {
        self.start(response, events);
        for (at, item) in (0..).zip(response["output"].as_array().into_iter().flatten()) {
            if !self.answer.has(at, item) {
                self.answer.done(at, item, &self.names, events)?;
            }
        }
        let spent = response.get("usage").filter(|spent| spent.is_object());
        events.extend(spent.map(|spent| Event::Usage(usage(spent))));
        let why = response["incomplete_details"]["reason"]
            .as_str()
            .unwrap_or("incomplete");
        let reason = match status {
            "completed" => None,
            "incomplete" => Some(match why {
                "max_output_tokens" => FinishReason::Length,
                "content_filter" => FinishReason::ContentFilter,
                other => FinishReason::Other(other.into()),
            }),
            "failed" => return Err(error_in_stream(&response["error"])),
            "cancelled" => {
                return Err(Error::new(
                    ErrorCode::Cancelled,
                    "the vendor cancelled the answer",
                ));
            }
            other => {
                return Err(Error::upstream(format!(
                    "the vendor's answer is not finished: `{other}`"
                )));
            }
        };
        let natural = self.answer.finish(events);
        events.push(Event::finished(reason.unwrap_or(natural)));
        self.finished = true;
        Ok(())
    }
}

impl StreamTranslator for Machine {
    fn read(&mut self, event: &SseEvent, events: &mut Vec<Event>) -> Result<(), Error> {
        match event.data.trim() {
            "" | "[DONE]" => Ok(()),
            _ => self.event(&event.json()?, &event.event, events),
        }
    }

    fn end(&mut self) -> Result<(), Error> {
        match self.finished {
            true => Ok(()),
            false => Err(Error::upstream("the vendor's answer ended mid-stream")),
        }
    }
}

#[cfg(test)]
#[path = "stream_tests/mod.rs"]
mod tests;
