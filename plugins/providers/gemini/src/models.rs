use evenhand_sdk::types::{ModelInfo, Task};
use serde_json::Value;

/// The path of a page of the vendor's list.
pub(crate) fn path(token: Option<&str>) -> String {
    match token {
        Some(token) => format!("/models?pageSize=1000&pageToken={}", escape(token)),
        None => "/models?pageSize=1000".into(),
    }
}

/// The token of the next page, if there is one.
pub(crate) fn next(page: &Value) -> Option<String> {
    let token = page["nextPageToken"].as_str();
    token.filter(|token| !token.is_empty()).map(str::to_owned)
}

/// The models of a page.
pub(crate) fn read(page: &Value) -> Vec<ModelInfo> {
    let entries = page["models"].as_array().into_iter().flatten();
    let models = entries.filter_map(|entry| {
        let name = entry["name"].as_str()?;
        Some(ModelInfo {
            display_name: entry["displayName"].as_str().map(str::to_owned),
            tasks: tasks(&entry["supportedGenerationMethods"]),
            max_input_tokens: entry["inputTokenLimit"].as_u64(),
            max_output_tokens: entry["outputTokenLimit"].as_u64(),
            raw: Some(entry.to_string()),
            ..ModelInfo::new(name.strip_prefix("models/").unwrap_or(name))
        })
    });
    models.collect()
}

fn tasks(methods: &Value) -> Vec<Task> {
    let named = |all: &[&str]| {
        let mut methods = methods.as_array().into_iter().flatten();
        methods.any(|method| method.as_str().is_some_and(|method| all.contains(&method)))
    };
    let known = [
        (Task::Generate, named(&["generateContent"])),
        (Task::Embed, named(&["embedContent", "batchEmbedContents"])),
    ];
    let can = known.into_iter().filter(|(_, can)| *can);
    can.map(|(task, _)| task).collect()
}

/// A value in a query (RFC 3986): everything but unreserved characters as `%XX`.
fn escape(text: &str) -> String {
    let bytes = text.bytes().map(|byte| match byte {
        b'-' | b'.' | b'_' | b'~' => char::from(byte).to_string(),
        byte if byte.is_ascii_alphanumeric() => char::from(byte).to_string(),
        byte => format!("%{byte:02X}"),
    });
    bytes.collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_page_is_read_and_names_the_next() {
        let page = json!({"models": [
            {"name": "models/gemini-x", "displayName": "Gemini X", "inputTokenLimit": 1_048_576, "outputTokenLimit": 65_536,
             "supportedGenerationMethods": ["generateContent", "countTokens"], "thinking": true},
            {"name": "models/embedding-x", "supportedGenerationMethods": ["embedContent"]},
            {"name": "tunedModels/mine"},
        ], "nextPageToken": "a+/=é"});
        let models = read(&page);
        assert_eq!(models[0].id, "gemini-x");
        assert_eq!(models[0].display_name.as_deref(), Some("Gemini X"));
        assert_eq!(models[0].tasks, [Task::Generate]);
        assert_eq!(models[0].max_input_tokens, Some(1_048_576));
        assert_eq!(models[0].max_output_tokens, Some(65_536));
        assert!(models[0].raw.as_ref().unwrap().contains("thinking"));
        assert_eq!(models[1].tasks, [Task::Embed]);
        assert_eq!(models[2].id, "tunedModels/mine");
        assert!(models[2].tasks.is_empty());
        assert_eq!(
            path(next(&page).as_deref()),
            "/models?pageSize=1000&pageToken=a%2B%2F%3D%C3%A9"
        );
        assert_eq!(next(&json!({"nextPageToken": ""})), None);
        assert_eq!(next(&json!({})), None);
    }
}
