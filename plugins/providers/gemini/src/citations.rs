//! What supports a text. The vendor says it beside the text, in bytes of it, and may say it again and again.

use evenhand_sdk::types::Citation;
use serde_json::{Value, json};

/// What was said of sources so far.
#[derive(Debug, Default)]
pub(crate) struct Sources {
    /// Searches; each account replaces the one before.
    grounding: Option<Value>,
    /// What the model wrote as others did.
    recited: Vec<Value>,
}

impl Sources {
    /// Takes what a candidate says of them.
    pub(crate) fn add(&mut self, candidate: &Value) {
        let grounding = &candidate["groundingMetadata"];
        if grounding["groundingChunks"].is_array() {
            self.grounding = Some(grounding.clone());
        }
        let recited = candidate["citationMetadata"]["citations"].as_array();
        for cited in recited.into_iter().flatten() {
            if !self.recited.contains(cited) {
                self.recited.push(cited.clone());
            }
        }
    }

    /// The citations of this text, which is complete.
    pub(crate) fn take(&mut self, text: &str) -> Vec<Citation> {
        let mut citations = Vec::new();
        if let Some(grounding) = self.grounding.take() {
            citations.extend(grounded(&grounding, text));
        }
        for cited in self.recited.drain(..) {
            citations.push(Citation {
                url: string(&cited, "uri"),
                title: string(&cited, "title"),
                provider_data: Some(cited.to_string()),
                ..place(&cited, text)
            });
        }
        citations
    }
}

fn grounded(grounding: &Value, text: &str) -> Vec<Citation> {
    let chunks = list(&grounding["groundingChunks"]);
    let supports = list(&grounding["groundingSupports"]);
    if supports.is_empty() {
        let all = chunks.iter().map(|chunk| of_chunk(chunk, None, nowhere()));
        return all.collect();
    }
    let mut citations = Vec::new();
    for support in supports {
        let indices = list(&support["groundingChunkIndices"]);
        for (at, index) in indices.iter().enumerate() {
            let index = index.as_u64().and_then(|index| usize::try_from(index).ok());
            let Some(chunk) = index.and_then(|index| chunks.get(index)) else {
                continue;
            };
            let score = support["confidenceScores"].get(at);
            citations.push(of_chunk(chunk, score, place(&support["segment"], text)));
        }
    }
    citations
}

fn of_chunk(chunk: &Value, score: Option<&Value>, place: Citation) -> Citation {
    let kinds = ["web", "retrievedContext", "maps", "image"];
    let source = kinds.iter().find_map(|kind| chunk.get(*kind));
    let source = source.unwrap_or(&Value::Null);
    let mut data = json!({"groundingChunk": chunk});
    if let Some(score) = score {
        data["confidenceScore"] = score.clone();
    }
    Citation {
        url: string(source, "uri").or_else(|| string(source, "sourceUri")),
        title: string(source, "title"),
        cited_text: string(source, "text"),
        provider_data: Some(data.to_string()),
        ..place
    }
}

/// Where in a text a segment is, in characters: by the vendor's bytes where they hold, else by its words.
fn place(segment: &Value, text: &str) -> Citation {
    let byte = |name: &str| {
        segment[name]
            .as_u64()
            .and_then(|at| usize::try_from(at).ok())
    };
    // Zero is left out in JSON made of protocol buffers.
    let start = byte("startIndex").unwrap_or(0);
    let said = segment["text"].as_str();
    let by_bytes = byte("endIndex")
        .and_then(|end| text.get(start..end))
        .filter(|found| said.is_none_or(|said| said == *found))
        .map(|found| (start, found));
    let found = by_bytes.or_else(|| {
        let said = said.filter(|said| !said.is_empty())?;
        Some((text.find(said)?, said))
    });
    let Some((at, found)) = found else {
        return nowhere();
    };
    let start = text[..at].chars().count() as u64;
    Citation {
        start: Some(start),
        end: Some(start + found.chars().count() as u64),
        ..nowhere()
    }
}

fn nowhere() -> Citation {
    Citation {
        url: None,
        title: None,
        cited_text: None,
        start: None,
        end: None,
        location_unit: None,
        document: None,
        provider_data: None,
    }
}

fn string(value: &Value, name: &str) -> Option<String> {
    value[name].as_str().map(str::to_owned)
}

fn list(value: &Value) -> &[Value] {
    value.as_array().map_or(&[][..], Vec::as_slice)
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "Größe: 3 m. Ja, 3 m.";

    fn cited(candidate: Value) -> Vec<Citation> {
        let mut sources = Sources::default();
        sources.add(&candidate);
        sources.take(TEXT)
    }

    #[test]
    fn bytes_become_characters() {
        let web = json!({"web": {"uri": "https://x", "title": "x"}});
        let kept = json!({"retrievedContext": {"uri": "gs://y", "title": "y", "text": "3 Meter"}});
        let all = cited(
            json!({"groundingMetadata": {"groundingChunks": [web, kept], "groundingSupports": [
            {"segment": {"endIndex": 13, "text": "Größe: 3 m."}, "groundingChunkIndices": [0, 1], "confidenceScores": [0.5, 1]},
            {"segment": {"startIndex": 14, "endIndex": 22}, "groundingChunkIndices": [1, 7]}]}}),
        );
        let spans: Vec<_> = all
            .iter()
            .map(|it| (it.start.unwrap(), it.end.unwrap()))
            .collect();
        assert_eq!(spans, [(0, 11), (0, 11), (12, 20)]);
        assert_eq!(all[0].url.as_deref(), Some("https://x"));
        assert_eq!(all[1].cited_text.as_deref(), Some("3 Meter"));
        assert_eq!(all[0].location_unit, None);
        let data: Value = serde_json::from_str(all[0].provider_data.as_ref().unwrap()).unwrap();
        assert_eq!(data, json!({"groundingChunk": web, "confidenceScore": 0.5}));
    }

    #[test]
    fn wrong_bytes_are_looked_up_or_left_out() {
        let chunks = json!([{"maps": {"uri": "https://m", "title": "m"}}]);
        let segments = [
            (
                json!({"startIndex": 1, "endIndex": 5, "text": "Ja, 3 m."}),
                Some((12, 20)),
            ),
            (json!({"startIndex": 2, "endIndex": 3}), Some((2, 2))),
            (json!({"endIndex": 999}), None),
            (json!({"text": "Nein"}), None),
            (json!({}), None),
        ];
        for (segment, span) in segments {
            let support = json!([{"segment": segment, "groundingChunkIndices": [0]}]);
            let all = cited(
                json!({"groundingMetadata": {"groundingChunks": chunks, "groundingSupports": support}}),
            );
            // Within a letter of two bytes there is no place.
            let span = span.filter(|span| span.0 != span.1);
            assert_eq!(all[0].start.zip(all[0].end), span, "{segment}");
        }
        assert_eq!(
            cited(json!({"groundingMetadata": {"groundingChunks": chunks}}))[0].start,
            None
        );
    }

    #[test]
    fn what_is_said_again_counts_once() {
        let mut sources = Sources::default();
        let recited = json!({"citationMetadata": {"citations": [{"startIndex": 14, "endIndex": 16, "uri": "https://r", "license": "mit"}]}});
        let first =
            json!({"groundingMetadata": {"groundingChunks": [{"web": {"uri": "https://a"}}]}});
        let second = json!({"groundingMetadata": {"groundingChunks": [{"image": {"sourceUri": "https://b"}}]}});
        for candidate in [
            &recited,
            &first,
            &recited,
            &second,
            &json!({"groundingMetadata": {}}),
        ] {
            sources.add(candidate);
        }
        let all = sources.take(TEXT);
        let urls: Vec<_> = all.iter().map(|it| it.url.as_deref().unwrap()).collect();
        assert_eq!(urls, ["https://b", "https://r"]);
        assert_eq!((all[1].start, all[1].end), (Some(12), Some(14)));
        assert!(all[1].provider_data.as_ref().unwrap().contains("mit"));
        assert!(sources.take(TEXT).is_empty());
    }
}
