use evenhand_sdk::tensors::{GenerationEvent, GenerationFinish, Work};
use evenhand_sdk::types::*;

/// Turns an accelerator's steps into events of an answer of one text.
#[derive(Debug)]
pub(crate) struct Machine {
    model: String,
    /// Emitted after `started`, which must come first.
    warnings: Vec<Event>,
    state: State,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Fresh,
    Started,
    Finished,
}

impl Machine {
    /// For an answer of this model.
    pub(crate) fn new(model: String, warnings: Vec<Event>) -> Self {
        Self {
            model,
            warnings,
            state: State::Fresh,
        }
    }

    /// Was the end said?
    pub(crate) fn is_finished(&self) -> bool {
        self.state == State::Finished
    }

    /// Takes steps.
    pub(crate) fn steps(&mut self, steps: Vec<GenerationEvent>, events: &mut Vec<Event>) {
        for step in steps {
            if self.is_finished() {
                return;
            }
            if self.state == State::Fresh {
                self.state = State::Started;
                events.push(Event::started(None, Some(self.model.clone())));
                events.append(&mut self.warnings);
                events.push(Event::part_started(0, PartKind::Text));
            }
            match step {
                GenerationEvent::Text(text) if text.is_empty() => {}
                GenerationEvent::Text(text) => events.push(Event::text(0, text)),
                GenerationEvent::Done((finish, work)) => {
                    self.state = State::Finished;
                    events.push(Event::part_ended(0, None));
                    events.push(Event::Usage(usage(&work)));
                    events.push(Event::finished(reason(finish)));
                }
            }
        }
    }
}

/// What the work was, in tokens.
fn usage(work: &Work) -> Usage {
    Usage {
        input_tokens: Some(work.input_tokens),
        output_tokens: Some(work.output_tokens),
        raw: work
            .device_ns
            .map(|ns| serde_json::json!({"device_ns": ns}).to_string()),
        ..Usage::default()
    }
}

fn reason(finish: GenerationFinish) -> FinishReason {
    match finish {
        GenerationFinish::Stop => FinishReason::Stop,
        GenerationFinish::StopSequence(text) => FinishReason::StopSequence(text),
        GenerationFinish::Length => FinishReason::Length,
        GenerationFinish::ContextFull => FinishReason::ContextFull,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn done(finish: GenerationFinish) -> GenerationEvent {
        let work = Work {
            input_tokens: 3,
            output_tokens: 2,
            device_ns: None,
        };
        GenerationEvent::Done((finish, work))
    }

    #[test]
    fn each_step_is_handed_on_as_it_comes() {
        let warned = vec![Event::warning("tools", "no")];
        let mut machine = Machine::new("tiny".into(), warned);
        let mut events = Vec::new();
        machine.steps(vec![], &mut events);
        assert!(events.is_empty());
        machine.steps(vec![GenerationEvent::Text("He".into())], &mut events);
        assert!(matches!(
            events[..],
            [
                Event::Started(_),
                Event::Warning(_),
                Event::PartStarted(_),
                Event::PartDelta(_)
            ]
        ));
        assert!(!machine.is_finished());
        events.clear();
        let after = GenerationEvent::Text("more".into());
        machine.steps(vec![done(GenerationFinish::Length), after], &mut events);
        assert!(machine.is_finished());
        let [
            Event::PartEnded(_),
            Event::Usage(usage),
            Event::Finished(finished),
        ] = &events[..]
        else {
            panic!("{events:?}")
        };
        assert_eq!(
            (usage.input_tokens, usage.output_tokens),
            (Some(3), Some(2))
        );
        assert!(matches!(finished.reason, FinishReason::Length));
    }

    #[test]
    fn an_empty_answer_is_a_whole_one() {
        let mut machine = Machine::new("tiny".into(), vec![]);
        let mut events = Vec::new();
        machine.steps(vec![done(GenerationFinish::Stop)], &mut events);
        assert_eq!(events.len(), 5);
    }
}
