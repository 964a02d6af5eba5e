//! Text out of bytes, and Markdown out of HTML.

use std::rc::Rc;
use std::time::{Duration, Instant};

use encoding_rs::{Encoding, UTF_8};
use htmd::{HtmlToMarkdown, Node};
use html5ever::tendril::TendrilSink;
use html5ever::{ParseOpts, parse_document};
use markup5ever_rcdom::RcDom;

/// Most elements within one another that become Markdown, which is written recursively: in a component 400 fit the stack
/// that wasmtime gives. Pages have some dozens.
const DEEPEST: usize = 200;

/// Most time to read a page: for one that is nested without end it grows by the square.
const TIME: Duration = Duration::from_secs(3);

/// Bytes that are read between two looks at the clock.
const PIECE: usize = 16 << 10;

/// Types of text that don't begin with `text/`.
const TEXTS: [&str; 8] = [
    "application/ecmascript",
    "application/javascript",
    "application/json",
    "application/toml",
    "application/x-ndjson",
    "application/x-www-form-urlencoded",
    "application/xml",
    "application/yaml",
];

/// What it says of itself is text, or it says nothing and reads as text.
pub(crate) fn is_text(essence: &str, bytes: &[u8]) -> bool {
    if essence.is_empty() || essence == "application/octet-stream" {
        return !bytes.contains(&0) && std::str::from_utf8(bytes).is_ok();
    }
    let suffix = essence.rsplit_once('+').map(|(_, suffix)| suffix);
    essence.starts_with("text/")
        || TEXTS.contains(&essence)
        || matches!(suffix, Some("json" | "xml" | "yaml"))
}

/// The text of bytes, in the encoding that they name: by a byte order mark, the header field, or HTML's `meta`.
pub(crate) fn decode(bytes: &[u8], content_type: &str) -> String {
    let named = parameter(content_type, "charset");
    let named = named.or_else(|| meta(bytes));
    let encoding = named.and_then(|name| Encoding::for_label(name.as_bytes()));
    encoding.unwrap_or(UTF_8).decode(bytes).0.into_owned()
}

fn parameter(of: &str, name: &str) -> Option<String> {
    let mut parameters = of
        .split(';')
        .skip(1)
        .filter_map(|parameter| parameter.split_once('='));
    let (_, value) = parameters.find(|(key, _)| key.trim().eq_ignore_ascii_case(name))?;
    Some(value.trim().trim_matches('"').into())
}

/// The encoding that a page names in its first kilobyte, as the HTML standard has it.
fn meta(bytes: &[u8]) -> Option<String> {
    let begin = String::from_utf8_lossy(&bytes[..bytes.len().min(1024)]).to_ascii_lowercase();
    let (_, after) = begin.split_once("<meta")?;
    let (_, value) = after.split_once("charset")?;
    let value = value.trim_start().strip_prefix('=')?.trim_start();
    let value = value.trim_start_matches(['"', '\'']);
    let end = value.find(|c: char| c.is_whitespace() || "\"'>;/".contains(c));
    Some(value[..end.unwrap_or(value.len())].into())
}

pub(crate) fn looks_like_html(text: &str) -> bool {
    let begin: String = text.trim_start().chars().take(15).collect();
    let begin = begin.to_ascii_lowercase();
    begin.starts_with("<!doctype html") || begin.starts_with("<html")
}

/// HTML as Markdown; as it is where it is nested too deeply.
pub(crate) fn markdown(html: &str) -> String {
    let skipped = vec!["script", "style", "noscript", "iframe", "template", "svg"];
    let converter = HtmlToMarkdown::builder().skip_tags(skipped).build();
    match tree(html, Instant::now() + TIME) {
        Some(tree) if is_shallow(&tree) => converter.tree_to_markdown(&tree),
        _ => html.into(),
    }
}

/// The elements of a page; none where that takes too long.
fn tree(html: &str, until: Instant) -> Option<Rc<Node>> {
    let mut parser = parse_document(RcDom::default(), ParseOpts::default());
    let mut rest = html;
    while !rest.is_empty() {
        if Instant::now() >= until {
            return None;
        }
        let (piece, after) = rest.split_at(rest.floor_char_boundary(PIECE));
        parser.process(piece.into());
        rest = after;
    }
    Some(parser.finish().document)
}

fn is_shallow(tree: &Rc<Node>) -> bool {
    let mut open = vec![(Rc::clone(tree), 0)];
    while let Some((node, depth)) = open.pop() {
        if depth > DEEPEST {
            return false;
        }
        let inner = node.children.borrow();
        open.extend(inner.iter().map(|child| (Rc::clone(child), depth + 1)));
    }
    true
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_is_read_in_the_encoding_that_it_names() {
        assert_eq!(decode(b"\xe4", "text/plain; charset=\"ISO-8859-1\""), "ä");
        assert_eq!(
            decode(b"<meta charset='windows-1251'>\xe4", "text/html"),
            "<meta charset='windows-1251'>д"
        );
        let equiv =
            b"<META http-equiv=content-type content=\"text/html; charset=shift_jis\">\x82\xa0";
        assert!(decode(equiv, "text/html").ends_with('あ'));
        assert_eq!(decode("ä".as_bytes(), "text/plain"), "ä");
        assert_eq!(decode(b"\xff\xfea\0", "text/plain; charset=utf-8"), "a");
        assert_eq!(decode("ä".as_bytes(), "text/plain; charset=nonsense"), "ä");
    }

    #[test]
    fn what_is_text_is_known_by_its_type_or_by_its_bytes() {
        for text in [
            "text/css",
            "application/json",
            "application/ld+json",
            "application/xhtml+xml",
            "",
        ] {
            assert!(is_text(text, b"x"), "{text}");
        }
        assert!(!is_text("", b"x\0") && !is_text("", b"\xff"));
        assert!(!is_text("application/zip", b"x"));
    }

    #[test]
    fn a_page_that_is_nested_without_end_is_given_as_it_is() {
        let deep = "<div>".repeat(3000);
        assert_eq!(markdown(&deep), deep);
        assert!(tree("<p>x", Instant::now()).is_none());
        let fine = format!("{}x", "<div>".repeat(100));
        assert_eq!(markdown(&fine), "x");
    }

    #[test]
    fn tables_and_lists_are_read() {
        let read =
            markdown("<ul><li>a<li>b</ul><table><tr><th>h</th></tr><tr><td>d</td></tr></table>");
        assert!(
            read.contains("a") && read.contains("| h |") && read.contains("| d |"),
            "{read}"
        );
    }
}
