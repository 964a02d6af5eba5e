use evenhand_sdk::types::ModelInfo;
use serde_json::Value;

/// The vendor's list. It doesn't say what a model is for, so `tasks` stays empty.
pub(crate) fn read(list: &Value) -> Vec<ModelInfo> {
    let entries = list["data"].as_array().into_iter().flatten();
    let models = entries.filter_map(|entry| {
        Some(ModelInfo {
            created: entry["created"].as_u64(),
            owned_by: entry["owned_by"].as_str().map(str::to_owned),
            raw: Some(entry.to_string()),
            ..ModelInfo::new(entry["id"].as_str()?)
        })
    });
    models.collect()
}
