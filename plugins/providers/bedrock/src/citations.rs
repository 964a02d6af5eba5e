//! Citations, there and back.

use evenhand_sdk::types::Citation;
use serde_json::Value;

/// Where a citation points to: the vendor's name, and the unit that is counted.
const LOCATIONS: [(&str, &str); 4] = [
    ("documentChar", "char"),
    ("documentPage", "page"),
    ("documentChunk", "block"),
    ("searchResultLocation", "search-result-block"),
];

/// A citation of the vendor's in neutral words. The vendor's own are kept, to be sent back.
pub(crate) fn read(cited: &Value) -> Citation {
    let text = |value: &Value| value.as_str().map(str::to_owned);
    let location = &cited["location"];
    let found = LOCATIONS.iter().find_map(|(name, unit)| {
        let place = location.get(name)?;
        Some((place, *unit))
    });
    let passages = cited["sourceContent"].as_array().into_iter().flatten();
    let passages: Vec<&str> = passages
        .filter_map(|passage| passage["text"].as_str())
        .collect();
    let document = found.and_then(|(place, _)| {
        let index = place
            .get("documentIndex")
            .or_else(|| place.get("searchResultIndex"))?;
        u32::try_from(index.as_u64()?).ok()
    });
    Citation {
        url: text(&location["web"]["url"]).or_else(|| text(&cited["source"])),
        title: text(&cited["title"]),
        cited_text: (!passages.is_empty()).then(|| passages.concat()),
        start: found.and_then(|(place, _)| place["start"].as_u64()),
        end: found.and_then(|(place, _)| place["end"].as_u64()),
        location_unit: found.map(|(_, unit)| unit.into()),
        document,
        provider_data: Some(cited.to_string()),
    }
}

/// The citation as the vendor gave it; `None` if it was another's.
pub(crate) fn write(citation: &Citation) -> Option<Value> {
    let cited: Value = serde_json::from_str(citation.provider_data.as_ref()?).ok()?;
    let known = ["title", "source", "sourceContent", "location"];
    let fields = cited.as_object()?;
    let ours = !fields.is_empty() && fields.keys().all(|name| known.contains(&name.as_str()));
    // Another vendor's citation may have a title and a source too, but none of these.
    (ours && (cited["location"].is_object() || cited["sourceContent"].is_array())).then_some(cited)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn every_kind_keeps_its_place_and_goes_back_as_it_came() {
        for (name, unit) in LOCATIONS {
            let index = match name {
                "searchResultLocation" => "searchResultIndex",
                _ => "documentIndex",
            };
            let place = json!({index: 2, "start": 3, "end": 9});
            let cited = json!({"title": "T", "source": "s", "sourceContent": [{"text": "a"}, {"text": "b"}],
                "location": {name: place}});
            let read = read(&cited);
            assert_eq!(read.location_unit.as_deref(), Some(unit));
            assert_eq!(read.title.as_deref(), Some("T"));
            assert_eq!(read.cited_text.as_deref(), Some("ab"));
            assert_eq!(
                (read.start, read.end, read.document),
                (Some(3), Some(9), Some(2))
            );
            assert_eq!(write(&read), Some(cited));
        }
        let web = json!({"location": {"web": {"url": "https://x", "domain": "x"}}});
        let read = read(&web);
        assert_eq!(read.url.as_deref(), Some("https://x"));
        assert_eq!((read.cited_text.as_ref(), read.document), (None, None));
        assert_eq!(write(&read), Some(web));
    }

    #[test]
    fn anothers_are_known_as_such() {
        let mut other = read(&json!({"title": "T"}));
        for data in [
            r#"{"type":"char_location","title":"T"}"#,
            r#"{"title":"T"}"#,
            "{}",
            "[]",
            "x",
        ] {
            other.provider_data = Some(data.into());
            assert_eq!(write(&other), None, "{data}");
        }
    }
}
