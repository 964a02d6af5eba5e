//! How much an answer may be: the host and the client hold it.

use bytesize::ByteSize;
use types::neutral::{
    Citation, Content, Delta, Event, FinishReason, Media, MediaSource, Part, PartKind,
    ResultContent, Source, TokenLogprob,
};
use types::{Error, ErrorCode};

/// Most parts of one answer, and most answers to a request.
const PARTS: u32 = 10_000;

/// Counts what an answer has been so far.
#[derive(Debug)]
pub(crate) struct Meter {
    limit: usize,
    bytes: usize,
}

impl Meter {
    /// No more than this: a component can't make the host hold more than it may hold itself.
    pub(crate) fn new(memory: u64) -> Self {
        Self {
            limit: usize::try_from(memory).unwrap_or(usize::MAX),
            bytes: 0,
        }
    }

    /// Counts a batch.
    ///
    /// # Errors
    /// The answer is more than a client could use.
    pub(crate) fn count(&mut self, events: &[Event]) -> Result<(), Error> {
        for event in events {
            let (choice, index) = place(event);
            self.bytes = self.bytes.saturating_add(size_of::<Event>() + size(event));
            if self.bytes > self.limit || choice >= PARTS || index >= PARTS {
                return Err(Error::new(
                    ErrorCode::PluginFailed,
                    format!(
                        "its answer is more than {} or {PARTS} parts",
                        ByteSize(self.limit as u64)
                    ),
                ));
            }
        }
        Ok(())
    }
}

fn place(event: &Event) -> (u32, u32) {
    match event {
        Event::PartStarted(e) => (e.choice, e.index),
        Event::PartDelta(e) => (e.choice, e.index),
        Event::PartEnded(e) => (e.choice, e.index),
        Event::Part(e) => (e.choice, e.index),
        Event::Finished(e) => (e.choice, 0),
        Event::Started(_) | Event::Warning(_) | Event::Usage(_) => (0, 0),
    }
}

fn size(event: &Event) -> usize {
    match event {
        Event::Started(e) => text(&e.id) + text(&e.model) + text(&e.service_tier),
        Event::PartStarted(e) => match &e.kind {
            PartKind::ToolCall(call) => call.id.len() + call.name.len(),
            PartKind::Audio(kind) => text(kind),
            PartKind::Text | PartKind::Reasoning(_) | PartKind::Refusal => 0,
        },
        Event::PartDelta(e) => match &e.delta {
            Delta::Text(text) => text.len(),
            Delta::Citation(cited) => citation(cited),
            Delta::Logprobs(tokens) => tokens.iter().map(token).sum(),
        },
        Event::PartEnded(e) => text(&e.provider_data),
        Event::Part(e) => part(&e.part),
        Event::Warning(e) => e.field.len() + e.message.len(),
        Event::Usage(e) => text(&e.raw),
        Event::Finished(e) => match &e.reason {
            FinishReason::StopSequence(text) | FinishReason::Other(text) => text.len(),
            _ => 0,
        },
    }
}

fn text(text: &Option<String>) -> usize {
    text.as_ref().map_or(0, String::len)
}

fn token(token: &TokenLogprob) -> usize {
    let others = token
        .top
        .iter()
        .map(|(other, _)| other.len() + size_of::<(String, f64)>());
    let bytes = token.bytes.as_ref().map_or(0, Vec::len);
    size_of::<TokenLogprob>() + token.token.len() + bytes + others.sum::<usize>()
}

fn citation(cited: &Citation) -> usize {
    let texts = [
        &cited.url,
        &cited.title,
        &cited.cited_text,
        &cited.location_unit,
        &cited.provider_data,
    ];
    size_of::<Citation>() + texts.into_iter().map(text).sum::<usize>()
}

fn media(media: &Media) -> usize {
    let source = match &media.source {
        MediaSource::Bytes(bytes) => bytes.len(),
        MediaSource::Url(text) | MediaSource::FileId(text) => text.len(),
    };
    let texts = [
        &media.media_type,
        &media.name,
        &media.context,
        &media.detail,
    ];
    source + texts.into_iter().map(text).sum::<usize>()
}

fn source(source: &Source) -> usize {
    let passages = source
        .passages
        .iter()
        .map(|p| size_of::<String>() + p.len());
    source.location.len() + text(&source.title) + passages.sum::<usize>()
}

fn part(part: &Part) -> usize {
    let content = match &part.content {
        Content::Text(said) => said.text.len() + said.citations.iter().map(citation).sum::<usize>(),
        Content::Image(m) | Content::Audio(m) | Content::File(m) => media(m),
        Content::Reasoning(reasoning) => reasoning.text.len(),
        Content::Refusal(text) | Content::Other(text) => text.len(),
        Content::ToolCall(call) => call.id.len() + call.name.len() + call.arguments.len(),
        Content::ToolResult(result) => {
            let content = result.content.iter().map(|content| match content {
                ResultContent::Text(text) => text.len(),
                ResultContent::Image(m) | ResultContent::File(m) => media(m),
                ResultContent::Source(found) => source(found),
            });
            result.call_id.len() + text(&result.name) + content.sum::<usize>()
        }
        Content::Source(found) => source(found),
    };
    content + text(&part.provider_data)
}

#[cfg(test)]
mod tests {
    use types::neutral::PartDelta;

    use super::*;

    fn delta(index: u32, text: &str) -> Event {
        Event::PartDelta(PartDelta {
            choice: 0,
            index,
            delta: Delta::Text(text.into()),
        })
    }

    #[test]
    fn an_answer_without_end_ends() {
        let mut meter = Meter::new(64 << 20);
        let batch = [delta(0, &"x".repeat(1 << 20))];
        let ended = (0..100).find(|_| meter.count(&batch).is_err());
        assert!(ended.is_some_and(|mib| mib >= 62), "{ended:?}");
        assert!(Meter::new(1000).count(&[delta(PARTS, "")]).is_err());
        assert!(Meter::new(1000).count(&[delta(PARTS - 1, "x")]).is_ok());
    }

    #[test]
    fn empty_events_count_too() {
        let mut meter = Meter::new(1 << 20);
        let batch = vec![delta(0, ""); 1000];
        assert!((0..20).any(|_| meter.count(&batch).is_err()));
    }
}
