//! Sources of a text: the vendor's annotations.

use evenhand_sdk::Warnings;
use evenhand_sdk::types::*;
use serde_json::{Value, json};

use crate::provider_data::parse;

/// An annotation in neutral words. All of it goes along where it says more than they can.
pub(super) fn citation(annotation: &Value) -> Option<Citation> {
    let kind = annotation["type"].as_str()?;
    let text = |field: &str| annotation[field].as_str().map(str::to_owned);
    let number = |field: &str| annotation[field].as_u64();
    Some(Citation {
        url: text("url"),
        title: text("title").or_else(|| text("filename")),
        cited_text: None,
        start: number("start_index"),
        end: number("end_index"),
        location_unit: None,
        document: None,
        provider_data: (kind != "url_citation").then(|| annotation.to_string()),
    })
}

/// Citations as annotations; those that this API has no form for are left out, with a warning.
pub(super) fn annotations(citations: &[Citation], warnings: &mut Warnings) -> Vec<Value> {
    let mut annotations = Vec::new();
    for citation in citations {
        match annotation(citation) {
            Some(annotation) => annotations.push(annotation),
            None => warnings.add(
                "messages.text.citations",
                "this API knows only citations of addresses that say which characters they support, and its own: left out",
            ),
        }
    }
    annotations
}

fn annotation(citation: &Citation) -> Option<Value> {
    const OWN: [&str; 4] = [
        "file_citation",
        "container_file_citation",
        "file_path",
        "url_citation",
    ];
    let data = citation
        .provider_data
        .as_deref()
        .map(parse)
        .unwrap_or_default();
    if data["type"]
        .as_str()
        .is_some_and(|kind| OWN.contains(&kind))
    {
        return Some(data);
    }
    let supports = citation
        .location_unit
        .is_none()
        .then_some((citation.start?, citation.end?));
    let (start, end) = supports?;
    Some(json!({
        "type": "url_citation",
        "url": citation.url.as_ref()?,
        "title": citation.title.as_deref().unwrap_or_default(),
        "start_index": start,
        "end_index": end,
    }))
}
