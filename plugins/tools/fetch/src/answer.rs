//! What a model is told of an answer.

use evenhand_sdk::tools::{CallResult, ToolContent};

use crate::page;

/// Characters of a text where the call names no other number, as in the reference server of MCP.
const LENGTH: usize = 5000;

/// What came back.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Answer {
    /// Where from, after redirects.
    pub(crate) url: String,
    pub(crate) status: u16,
    pub(crate) location: Option<String>,
    pub(crate) content_type: Option<String>,
    pub(crate) bytes: Vec<u8>,
    /// All bytes are there.
    pub(crate) whole: bool,
}

/// Which part of a text is wanted.
pub(crate) struct Cut {
    /// HTML as it is.
    pub(crate) raw: bool,
    /// From this character on.
    pub(crate) start: usize,
    /// So many characters.
    pub(crate) length: Option<usize>,
}

impl Answer {
    /// Its status, then what it says. Of a status that is no success the model may make something.
    pub(crate) fn told(self, cut: &Cut) -> CallResult {
        let kind = self.content_type.clone().unwrap_or_default();
        let essence = kind
            .split(';')
            .next()
            .unwrap_or_default()
            .trim()
            .to_ascii_lowercase();
        let mut head = format!("HTTP {} from {}", self.status, self.url);
        if !essence.is_empty() {
            head.push_str(&format!(", {essence}"));
        }
        if !self.whole {
            let bytes = self.bytes.len();
            head.push_str(&format!(", only the first {bytes} bytes were read"));
        }
        let is_error = !(200..300).contains(&self.status);
        let content = match essence.split_once('/') {
            _ if self.bytes.is_empty() => vec![],
            Some(("image", "svg+xml")) => vec![ToolContent::Text(self.text(cut, &essence))],
            Some(("image", _)) if self.whole => vec![ToolContent::image_of(self.bytes, essence)],
            Some(("audio", _)) if self.whole => vec![ToolContent::audio_of(self.bytes, essence)],
            _ if page::is_text(&essence, &self.bytes) => {
                vec![ToolContent::Text(self.text(cut, &essence))]
            }
            _ => {
                head.push_str(&format!(", {} bytes that are no text", self.bytes.len()));
                vec![]
            }
        };
        CallResult {
            is_error,
            ..CallResult::new([vec![ToolContent::Text(head)], content].concat())
        }
    }

    fn text(&self, cut: &Cut, essence: &str) -> String {
        let kind = self.content_type.as_deref().unwrap_or_default();
        let text = page::decode(&self.bytes, kind);
        let is_html = matches!(essence, "text/html" | "application/xhtml+xml")
            || essence.is_empty() && page::looks_like_html(&text);
        match is_html && !cut.raw {
            true => cut.apply(&page::markdown(&text)),
            false => cut.apply(&text),
        }
    }
}

impl Cut {
    fn apply(&self, text: &str) -> String {
        let length = self.length.unwrap_or(LENGTH);
        let mut rest = text.chars().skip(self.start);
        let mut part: String = rest.by_ref().take(length).collect();
        let left = rest.count();
        if part.is_empty() && self.start > 0 {
            let all = text.chars().count();
            return format!(
                "<there is nothing at {}: the text has {all} characters>",
                self.start
            );
        }
        if left > 0 {
            let next = self.start + length;
            part.push_str(&format!(
                "\n\n<cut: {left} more characters; go on with start_index {next}>"
            ));
        }
        part
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(status: u16, content_type: &str, bytes: &[u8]) -> Answer {
        Answer {
            url: "https://a.example/".into(),
            status,
            location: None,
            content_type: Some(content_type.into()),
            bytes: bytes.into(),
            whole: true,
        }
    }

    const ALL: Cut = Cut {
        raw: false,
        start: 0,
        length: None,
    };

    fn texts(result: &CallResult) -> Vec<&str> {
        let text = |content| match content {
            &ToolContent::Text(ref text) => text.as_str(),
            _ => "not text",
        };
        result.content.iter().map(text).collect()
    }

    #[test]
    fn html_becomes_markdown_unless_it_is_wanted_raw() {
        let html = b"<html><head><title>T</title><script>x()</script></head><body><h1>A</h1><p>b <a href='/c'>c</a></p></body></html>";
        let result = answer(200, "text/html; charset=utf-8", html).told(&ALL);
        let head = "HTTP 200 from https://a.example/, text/html";
        assert_eq!(texts(&result), [head, "T\n\n# A\n\nb [c](/c)"]);
        let raw = Cut { raw: true, ..ALL };
        let result = answer(200, "text/html", html).told(&raw);
        assert_eq!(texts(&result)[1].as_bytes(), html);
        assert!(!result.is_error);
    }

    #[test]
    fn what_is_no_success_is_an_error_that_says_what_came() {
        let result = answer(404, "application/json", b"{}").told(&ALL);
        assert!(result.is_error);
        assert_eq!(texts(&result)[1], "{}");
    }

    #[test]
    fn pictures_and_sounds_are_given_as_such() {
        let result = answer(200, "image/PNG", b"\x89PNG").told(&ALL);
        assert_eq!(
            result.content[1],
            ToolContent::image_of(b"\x89PNG".into(), "image/png")
        );
        let result = answer(200, "audio/wav", b"RIFF").told(&ALL);
        assert_eq!(
            result.content[1],
            ToolContent::audio_of(b"RIFF".into(), "audio/wav")
        );
        let cut = Answer {
            whole: false,
            ..answer(200, "image/png", b"\x89PN\0")
        };
        assert_eq!(cut.told(&ALL).content.len(), 1);
    }

    #[test]
    fn other_bytes_are_said_to_be_no_text() {
        let result = answer(200, "application/pdf", b"%PDF\0").told(&ALL);
        let head = "HTTP 200 from https://a.example/, application/pdf, 5 bytes that are no text";
        assert_eq!(texts(&result), [head]);
        assert_eq!(texts(&answer(204, "", b"").told(&ALL)).len(), 1);
    }

    #[test]
    fn a_long_text_is_read_in_pieces_that_make_the_whole() {
        let text = "äbc".repeat(4);
        let (mut start, mut read) = (0, String::new());
        loop {
            let length = Some(5);
            let piece = Cut {
                start,
                length,
                ..ALL
            }
            .apply(&text);
            match piece.split_once("\n\n<cut: ") {
                Some((piece, _)) => read.push_str(piece),
                None => {
                    read.push_str(&piece);
                    break;
                }
            }
            start += 5;
        }
        assert_eq!(read, text);
        let beyond = Cut { start: 50, ..ALL }.apply(&text);
        assert!(beyond.contains("12 characters"), "{beyond}");
    }
}
