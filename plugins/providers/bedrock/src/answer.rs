//! An answer that comes as an event stream, translated as it comes.

use evenhand_sdk::types::Event;
use evenhand_sdk::{Error, Generation};

use crate::frames::Decoder;
use crate::stream::Machine;

/// Reads pieces of a body and hands on what they say.
pub(crate) struct Answer<R> {
    /// The next bytes; none at the end.
    read: R,
    decoder: Decoder,
    machine: Machine,
    /// What broke the answer off, until everything before it was handed on.
    failed: Option<Error>,
}

impl<R: FnMut() -> Result<Option<Vec<u8>>, Error>> Answer<R> {
    /// The answer that `read` brings.
    pub(crate) fn new(read: R, machine: Machine) -> Self {
        Self {
            read,
            decoder: Decoder::default(),
            machine,
            failed: None,
        }
    }

    /// Reads once. False at the end.
    fn step(&mut self, events: &mut Vec<Event>) -> Result<bool, Error> {
        let Some(bytes) = (self.read)()? else {
            self.machine.end()?;
            return match self.decoder.is_between_frames() {
                true => Ok(false),
                false => Err(Error::upstream("the vendor's answer ended within a frame")),
            };
        };
        let mut frames = Vec::new();
        let decoded = self.decoder.push(&bytes, &mut frames);
        for frame in &frames {
            self.machine.read(frame, events)?;
        }
        decoded.map(|()| true)
    }
}

impl<R: FnMut() -> Result<Option<Vec<u8>>, Error>> Generation for Answer<R> {
    fn next(&mut self) -> Result<Option<Vec<Event>>, Error> {
        let mut events = Vec::new();
        while events.is_empty() {
            if let Some(error) = self.failed.take() {
                return Err(error);
            }
            match self.step(&mut events) {
                Ok(true) => {}
                Ok(false) => return Ok(None),
                Err(error) => self.failed = Some(error),
            }
        }
        Ok(Some(events))
    }
}
