use crate::http::Body;
use crate::sse::{Events, SseEvent};
use crate::types::Event;
use crate::{Error, Generation};

/// Translates a vendor's stream to neutral events: a state machine without I/O, so that a test can feed it.
pub trait StreamTranslator {
    /// Takes the vendor's next event and adds the neutral events that it completes to `events`; none is fine.
    ///
    /// # Errors
    /// What can't be understood, or the vendor's own word that it failed. `events` reach the client before it.
    fn read(&mut self, event: &SseEvent, events: &mut Vec<Event>) -> Result<(), Error>;

    /// The vendor's stream has ended: was everything said?
    ///
    /// # Errors
    /// An answer that ended too early.
    fn end(&mut self) -> Result<(), Error>;
}

/// An answer that comes as server-sent events, translated as they come.
pub fn stream(body: Body, translator: impl StreamTranslator + 'static) -> Box<dyn Generation> {
    let mut events = Events::new(body);
    Box::new(Translated {
        batches: move || events.next_batch(),
        translator,
        failed: None,
    })
}

struct Translated<B, T> {
    /// The vendor's next events; none at the end.
    batches: B,
    translator: T,
    /// What broke the answer off, until everything before it was handed on.
    failed: Option<Error>,
}

impl<B, T> Translated<B, T>
where
    B: FnMut() -> Result<Option<Vec<SseEvent>>, Error>,
    T: StreamTranslator,
{
    /// Reads once. False at the end.
    fn read(&mut self, events: &mut Vec<Event>) -> Result<bool, Error> {
        let Some(batch) = (self.batches)()? else {
            self.translator.end()?;
            return Ok(false);
        };
        for event in &batch {
            self.translator.read(event, events)?;
        }
        Ok(true)
    }
}

impl<B, T> Generation for Translated<B, T>
where
    B: FnMut() -> Result<Option<Vec<SseEvent>>, Error>,
    T: StreamTranslator,
{
    fn next(&mut self) -> Result<Option<Vec<Event>>, Error> {
        let mut events = Vec::new();
        while events.is_empty() {
            if let Some(error) = self.failed.take() {
                return Err(error);
            }
            match self.read(&mut events) {
                Ok(true) => {}
                Ok(false) => return Ok(None),
                Err(error) => self.failed = Some(error),
            }
        }
        Ok(Some(events))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Says what it reads; `.` is the end, `!` a failure.
    #[derive(Default)]
    struct Echo {
        finished: bool,
    }

    impl StreamTranslator for Echo {
        fn read(&mut self, event: &SseEvent, events: &mut Vec<Event>) -> Result<(), Error> {
            match event.data.as_str() {
                "" => {}
                "." => self.finished = true,
                "!" => return Err(Error::upstream("it broke")),
                text => events.push(Event::text(0, text)),
            }
            Ok(())
        }

        fn end(&mut self) -> Result<(), Error> {
            match self.finished {
                true => Ok(()),
                false => Err(Error::upstream("it ended mid-stream")),
            }
        }
    }

    /// What `next` gives for these reads: how many events, or the error's message.
    fn steps(reads: &[&[&str]]) -> Vec<Result<usize, String>> {
        let batches = reads.iter().map(|read| {
            let event = |data: &&str| SseEvent {
                data: (*data).into(),
                ..SseEvent::default()
            };
            read.iter().map(event).collect()
        });
        let mut batches = batches.collect::<Vec<Vec<_>>>().into_iter();
        let mut generation = Translated {
            batches: move || Ok(batches.next()),
            translator: Echo::default(),
            failed: None,
        };
        let mut steps = Vec::new();
        loop {
            match generation.next() {
                Ok(None) => return steps,
                Ok(Some(events)) => steps.push(Ok(events.len())),
                Err(error) => {
                    steps.push(Err(error.message));
                    return steps;
                }
            }
        }
    }

    #[test]
    fn a_read_is_a_step_unless_it_says_nothing() {
        assert_eq!(steps(&[&["a", "b"], &[""], &["c"], &["."]]), [Ok(2), Ok(1)]);
    }

    #[test]
    fn what_came_before_a_failure_is_handed_on_first() {
        assert_eq!(
            steps(&[&["a"], &["b", "!", "c"]]),
            [Ok(1), Ok(1), Err("it broke".into())]
        );
    }

    #[test]
    fn an_early_end_is_an_error() {
        let early = || Err("it ended mid-stream".into());
        assert_eq!(steps(&[]), [early()]);
        assert_eq!(steps(&[&["a"]]), [Ok(1), early()]);
    }
}
