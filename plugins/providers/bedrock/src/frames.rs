//! AWS event streams, `application/vnd.amazon.eventstream`: frames with two checksums, read piece by piece.

use aws_smithy_eventstream::frame::{DecodedFrame, MessageFrameDecoder};
use evenhand_sdk::Error;

/// Bytes of the largest frame: the vendor's own clients take 24 MiB of payload and 128 KiB of headers.
const LARGEST: usize = (24 << 20) + (128 << 10) + 16;

/// What a frame is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// A step of the answer.
    Event,
    /// The vendor failed, in words of its API.
    Exception,
    /// The vendor failed otherwise.
    Error,
}

/// A frame whose checksums were right.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Frame {
    /// What it is.
    pub(crate) kind: Kind,
    /// Its type: of the event, of the exception, or the error's code.
    pub(crate) name: String,
    /// JSON; of an error, its message.
    pub(crate) payload: Vec<u8>,
}

/// Turns bytes, split anywhere, into frames.
#[derive(Debug, Default)]
pub(crate) struct Decoder {
    frames: MessageFrameDecoder,
    /// Bytes that the decoder has not taken yet.
    bytes: Vec<u8>,
    /// Bytes of the frame that is not complete yet, those that the decoder took included.
    begun: usize,
}

impl Decoder {
    /// Takes the next bytes and adds the frames that they complete to `into`.
    ///
    /// # Errors
    /// A frame that is damaged or over the limit; `into` has those before it.
    pub(crate) fn push(&mut self, bytes: &[u8], into: &mut Vec<Frame>) -> Result<(), Error> {
        self.bytes.extend_from_slice(bytes);
        self.begun += bytes.len();
        let mut taken = 0;
        loop {
            let mut rest = &self.bytes[taken..];
            let decoded = self.frames.decode_frame(&mut rest).map_err(damaged)?;
            taken = self.bytes.len() - rest.len();
            match decoded {
                DecodedFrame::Complete(message) => {
                    self.begun = rest.len();
                    into.extend(frame(&message)?);
                }
                DecodedFrame::Incomplete if self.begun > LARGEST => {
                    return Err(damaged(format!("a frame of over {LARGEST} bytes")));
                }
                DecodedFrame::Incomplete => break,
            }
        }
        self.bytes.drain(..taken);
        Ok(())
    }

    /// Did the bytes end with a whole frame?
    pub(crate) fn is_between_frames(&self) -> bool {
        self.begun == 0
    }
}

fn damaged(why: impl std::fmt::Display) -> Error {
    Error::upstream(format!("the vendor's event stream is damaged: {why}"))
}

/// `None` for a kind that the vendor may add.
fn frame(message: &aws_smithy_types::event_stream::Message) -> Result<Option<Frame>, Error> {
    let header = |name: &str| {
        let found = message
            .headers()
            .iter()
            .find(|header| header.name().as_str() == name);
        let text = found.and_then(|header| header.value().as_string().ok());
        text.map(|text| text.as_str().to_owned())
    };
    let kind = header(":message-type").ok_or_else(|| damaged("a frame without a type"))?;
    let (kind, name, payload) = match kind.as_str() {
        "event" => (
            Kind::Event,
            header(":event-type"),
            message.payload().to_vec(),
        ),
        "exception" => (
            Kind::Exception,
            header(":exception-type"),
            message.payload().to_vec(),
        ),
        "error" => (
            Kind::Error,
            header(":error-code"),
            header(":error-message").unwrap_or_default().into_bytes(),
        ),
        _ => return Ok(None),
    };
    Ok(Some(Frame {
        kind,
        name: name.unwrap_or_default(),
        payload,
    }))
}

#[cfg(test)]
#[path = "frames_tests.rs"]
pub(crate) mod tests;
