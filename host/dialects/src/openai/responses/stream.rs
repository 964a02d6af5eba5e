//! A streamed answer.

use serde_json::Value;
use types::{
    Error,
    neutral::{Event, Warning},
};

use super::{Settings, Stored, encode::Answering, frames::Frame};
use crate::{Encoder, turns::Turns};

/// Writes an answer as numbered events, and keeps it.
pub struct Stream(Turns<Answering>);

impl Stream {
    /// A stream of one answer; `model` is the name that the client used.
    pub fn new(settings: &Settings, model: &str) -> Self {
        let answering = Answering::new(settings, model);
        // Items come one after the other.
        Self(Turns::new(answering, |_| Some(0)))
    }

    /// An answer that waits for its turn in the background.
    pub fn queue(&mut self, out: &mut Vec<Frame>) {
        self.0.encoder_mut().queue(out);
    }

    /// The response object as it is by now.
    pub fn response(&self) -> Value {
        self.0.encoder().response()
    }

    /// What was not honoured.
    pub fn warnings(&self) -> &[Warning] {
        &self.0.encoder().warnings
    }

    /// What is to be kept of the answer by now; `input` is that of its [`Turn`](super::Turn).
    pub fn stored(&self, input: &[Value]) -> Stored {
        Stored {
            response: self.response(),
            input: input.to_vec(),
            kept: self.0.encoder().kept.clone(),
        }
    }
}

impl Encoder<Vec<Frame>> for Stream {
    fn push(&mut self, event: Event, out: &mut Vec<Frame>) {
        self.0.push(event, out);
    }

    fn finish(&mut self, out: &mut Vec<Frame>) {
        self.0.finish(out);
    }

    fn fail(&mut self, error: &Error, out: &mut Vec<Frame>) {
        self.0.fail(error, out);
    }
}

/// The same, as text.
struct Written(Stream);

/// An encoder of one answer; `model` is the name that the client used.
pub fn encoder(settings: &Settings, model: &str) -> Box<dyn Encoder> {
    Box::new(Written(Stream::new(settings, model)))
}

impl Written {
    fn write(&mut self, out: &mut String, step: impl FnOnce(&mut Stream, &mut Vec<Frame>)) {
        let mut frames = Vec::new();
        step(&mut self.0, &mut frames);
        frames.iter().for_each(|frame| frame.write(out));
    }
}

impl Encoder for Written {
    fn push(&mut self, event: Event, out: &mut String) {
        self.write(out, |stream, frames| stream.push(event, frames));
    }

    fn finish(&mut self, out: &mut String) {
        self.write(out, Encoder::finish);
    }

    fn fail(&mut self, error: &Error, out: &mut String) {
        self.write(out, |stream, frames| stream.fail(error, frames));
    }
}
