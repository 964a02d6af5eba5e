//! Citations: five forms, told apart by what they point into.

use serde_json::{Value, json};
use types::{Error, neutral::Citation};

use crate::field::Object;

/// How a form names its bounds, and the neutral unit of them.
const BOUNDS: [(&str, &str, &str, &str); 3] = [
    (
        "char_location",
        "char",
        "start_char_index",
        "end_char_index",
    ),
    (
        "page_location",
        "page",
        "start_page_number",
        "end_page_number",
    ),
    (
        "content_block_location",
        "block",
        "start_block_index",
        "end_block_index",
    ),
];

/// The unit of a citation of a search result; `document` is that result's index.
const SEARCH_RESULT: &str = "search-result-block";

/// A citation in a client's history; the vendor sees it again as it was.
pub(super) fn read(mut object: Object) -> Result<Citation, Error> {
    let provider_data = object.clone().rest();
    let kind: String = object.need("type")?;
    let document = match object.opt("document_index")? {
        None => object.opt("search_result_index")?,
        index => index,
    };
    let (unit, start, end) = match kind.as_str() {
        "search_result_location" => (
            Some(SEARCH_RESULT),
            object.opt("start_block_index")?,
            object.opt("end_block_index")?,
        ),
        kind => match BOUNDS.iter().find(|(form, ..)| *form == kind) {
            Some((_, unit, start, end)) => (Some(*unit), object.opt(start)?, object.opt(end)?),
            None => (None, None, None),
        },
    };
    Ok(Citation {
        url: object.opt("url")?.or(object.opt("source")?),
        title: object.opt("title")?.or(object.opt("document_title")?),
        cited_text: object.opt("cited_text")?,
        start,
        end,
        location_unit: unit.map(str::to_owned),
        document,
        provider_data,
    })
}

/// A citation of an answer, if the dialect has a form for it.
pub(super) fn write(citation: &Citation) -> Option<Value> {
    if let Some(own) = own(citation) {
        return Some(own);
    }
    let cited = citation.cited_text.as_deref().unwrap_or_default();
    let start = citation.start.unwrap_or(0);
    let end = citation.end.unwrap_or(start);
    let unit = citation.location_unit.as_deref();
    Some(match (&citation.url, unit) {
        (Some(url), Some(SEARCH_RESULT)) => json!({
            "type": "search_result_location",
            "cited_text": cited,
            "source": url,
            "title": citation.title,
            "search_result_index": citation.document.unwrap_or(0),
            "start_block_index": start,
            "end_block_index": end,
        }),
        (Some(url), _) => json!({
            "type": "web_search_result_location",
            "cited_text": cited,
            "url": url,
            "title": citation.title,
            "encrypted_index": "",
        }),
        (None, unit) => {
            let (form, _, first, last) = BOUNDS.iter().find(|(_, u, ..)| Some(*u) == unit)?;
            let mut json = json!({
                "type": form,
                "cited_text": cited,
                "document_index": citation.document.unwrap_or(0),
                "document_title": citation.title,
            });
            json[*first] = start.into();
            json[*last] = end.into();
            json
        }
    })
}

/// The citation as a vendor of this dialect wrote it.
fn own(citation: &Citation) -> Option<Value> {
    let own: Value = serde_json::from_str(citation.provider_data.as_deref()?).ok()?;
    let kind = own.get("type")?.as_str()?;
    kind.ends_with("_location").then_some(own)
}
