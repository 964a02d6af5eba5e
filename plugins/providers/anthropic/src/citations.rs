//! Citations, there and back.

use evenhand_sdk::types::Citation;
use serde_json::Value;

/// A citation of the vendor's in neutral words. The vendor's own are kept, to be sent back.
pub(crate) fn read(cited: &Value) -> Citation {
    let text = |names: [&str; 2]| {
        let mut found = names.into_iter().filter_map(|name| cited[name].as_str());
        found.next().map(str::to_owned)
    };
    let unit = match cited["type"].as_str().unwrap_or_default() {
        "char_location" => Some(("char", "start_char_index", "end_char_index")),
        "page_location" => Some(("page", "start_page_number", "end_page_number")),
        "content_block_location" => Some(("block", "start_block_index", "end_block_index")),
        "search_result_location" => Some((
            "search-result-block",
            "start_block_index",
            "end_block_index",
        )),
        _ => None,
    };
    let document = cited["document_index"].as_u64();
    let document = document.or_else(|| cited["search_result_index"].as_u64());
    Citation {
        url: text(["url", "source"]),
        title: text(["title", "document_title"]),
        cited_text: text(["cited_text", "cited_text"]),
        start: unit.and_then(|(_, start, _)| cited[start].as_u64()),
        end: unit.and_then(|(_, _, end)| cited[end].as_u64()),
        location_unit: unit.map(|(unit, _, _)| unit.into()),
        document: document.and_then(|index| u32::try_from(index).ok()),
        provider_data: Some(cited.to_string()),
    }
}

/// The citation as the vendor gave it; `None` if it was another's.
pub(crate) fn write(citation: &Citation) -> Option<Value> {
    let mut cited: Value = serde_json::from_str(citation.provider_data.as_ref()?).ok()?;
    cited["type"]
        .as_str()
        .filter(|kind| kind.ends_with("_location"))?;
    // In answers only: requests have no such field.
    cited.as_object_mut()?.remove("file_id");
    Some(cited)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn every_kind_keeps_its_place_and_goes_back_as_it_came() {
        let kinds = [
            (
                json!({"type": "char_location", "cited_text": "c", "document_index": 2, "document_title": "T",
                "start_char_index": 3, "end_char_index": 9}),
                Some("char"),
            ),
            (
                json!({"type": "page_location", "cited_text": "c", "document_index": 2, "document_title": "T",
                "start_page_number": 3, "end_page_number": 9}),
                Some("page"),
            ),
            (
                json!({"type": "search_result_location", "cited_text": "c", "search_result_index": 2, "title": "T",
                "source": "https://x", "start_block_index": 3, "end_block_index": 9}),
                Some("search-result-block"),
            ),
            (
                json!({"type": "web_search_result_location", "cited_text": "c", "title": "T", "url": "https://x",
                "encrypted_index": "e"}),
                None,
            ),
        ];
        for (cited, unit) in kinds {
            let read = read(&cited);
            assert_eq!(read.location_unit.as_deref(), unit);
            assert_eq!(read.title.as_deref(), Some("T"));
            assert_eq!(read.cited_text.as_deref(), Some("c"));
            if unit.is_some() {
                assert_eq!(
                    (read.start, read.end, read.document),
                    (Some(3), Some(9), Some(2))
                );
            }
            assert_eq!(write(&read), Some(cited));
        }
    }

    #[test]
    fn what_requests_do_not_know_is_left_out() {
        let cited = json!({"type": "char_location", "cited_text": "c", "file_id": null, "document_title": null});
        assert_eq!(
            write(&read(&cited)),
            Some(json!({"type": "char_location", "cited_text": "c", "document_title": null}))
        );
    }
}
