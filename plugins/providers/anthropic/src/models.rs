use std::time::UNIX_EPOCH;

use evenhand_sdk::types::{ModelInfo, Task};
use serde_json::Value;

/// The path of a page of the vendor's list.
pub(crate) fn path(after: Option<&str>) -> String {
    match after {
        // Ids are letters, digits and `-._:/@`, which a query takes as they are.
        Some(id) => format!("/v1/models?limit=1000&after_id={id}"),
        None => "/v1/models?limit=1000".into(),
    }
}

/// Where the next page begins, if there is one.
pub(crate) fn next(page: &Value) -> Option<String> {
    page["has_more"].as_bool().filter(|more| *more)?;
    Some(page["last_id"].as_str()?.to_owned())
}

/// The models of a page.
pub(crate) fn read(page: &Value) -> Vec<ModelInfo> {
    let entries = page["data"].as_array().into_iter().flatten();
    let models = entries.filter_map(|entry| {
        Some(ModelInfo {
            display_name: entry["display_name"].as_str().map(str::to_owned),
            created: entry["created_at"].as_str().and_then(seconds),
            tasks: vec![Task::Generate],
            max_input_tokens: entry["max_input_tokens"].as_u64(),
            max_output_tokens: entry["max_tokens"].as_u64(),
            raw: Some(entry.to_string()),
            ..ModelInfo::new(entry["id"].as_str()?)
        })
    });
    models.collect()
}

/// Seconds since 1970; the vendor writes the epoch itself where it does not know.
fn seconds(time: &str) -> Option<u64> {
    let time = humantime::parse_rfc3339(time).ok()?;
    let seconds = time.duration_since(UNIX_EPOCH).ok()?.as_secs();
    (seconds > 0).then_some(seconds)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_page_is_read_and_names_the_next() {
        let page = json!({"data": [
            {"type": "model", "id": "claude-x", "display_name": "Claude X", "created_at": "2025-02-19T00:00:00Z",
             "max_input_tokens": 200000, "max_tokens": 64000, "lifecycle": "active"},
            {"type": "model", "id": "claude-y", "display_name": "Y", "created_at": "1970-01-01T00:00:00Z"},
        ], "has_more": true, "last_id": "claude-y"});
        let models = read(&page);
        assert_eq!(models[0].id, "claude-x");
        assert_eq!(models[0].display_name.as_deref(), Some("Claude X"));
        assert_eq!(models[0].created, Some(1_739_923_200));
        assert_eq!(models[0].max_input_tokens, Some(200_000));
        assert_eq!(models[0].max_output_tokens, Some(64_000));
        assert!(models[0].raw.as_ref().unwrap().contains("lifecycle"));
        assert_eq!(models[1].created, None);
        assert_eq!(
            path(next(&page).as_deref()),
            "/v1/models?limit=1000&after_id=claude-y"
        );
        assert_eq!(next(&json!({"has_more": false, "last_id": "x"})), None);
    }
}
