use evenhand_sdk::types::{ModelInfo, Task};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::Value;

/// What the control plane lists.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum List {
    /// Models that answer by their own ids.
    Models,
    /// Profiles, by which models answer across regions or for the operator's own accounts.
    Profiles,
}

impl List {
    /// The path of a page.
    pub(crate) fn path(self, next: Option<&str>) -> String {
        match (self, next) {
            (Self::Models, _) => "/foundation-models?byInferenceType=ON_DEMAND".into(),
            (Self::Profiles, None) => "/inference-profiles?maxResults=1000".into(),
            (Self::Profiles, Some(next)) => format!(
                "/inference-profiles?maxResults=1000&nextToken={}",
                utf8_percent_encode(next, NON_ALPHANUMERIC)
            ),
        }
    }

    /// Where the next page begins, if there is one.
    pub(crate) fn next(self, page: &Value) -> Option<String> {
        page["nextToken"].as_str().map(str::to_owned)
    }

    /// The models of a page: those that answer in text, or embed.
    pub(crate) fn read(self, page: &Value) -> Vec<ModelInfo> {
        let list = match self {
            Self::Models => &page["modelSummaries"],
            Self::Profiles => &page["inferenceProfileSummaries"],
        };
        let entries = list.as_array().into_iter().flatten();
        entries.filter_map(|entry| self.entry(entry)).collect()
    }

    fn entry(self, entry: &Value) -> Option<ModelInfo> {
        let text = |field: &str| entry[field].as_str().map(str::to_owned);
        let raw = Some(entry.to_string());
        match self {
            Self::Models => {
                let has = |modality: &str| {
                    let modalities = entry["outputModalities"].as_array();
                    modalities.is_some_and(|all| all.iter().any(|one| one == modality))
                };
                let tasks = [("TEXT", Task::Generate), ("EMBEDDING", Task::Embed)];
                let tasks: Vec<_> = tasks.into_iter().filter(|(name, _)| has(name)).collect();
                (!tasks.is_empty()).then_some(())?;
                Some(ModelInfo {
                    display_name: text("modelName"),
                    tasks: tasks.into_iter().map(|(_, task)| task).collect(),
                    owned_by: text("providerName"),
                    raw,
                    ..ModelInfo::new(text("modelId")?)
                })
            }
            // Those of the operator's own have an id that only their ARN makes callable.
            Self::Profiles => Some(ModelInfo {
                display_name: text("inferenceProfileName"),
                raw,
                ..ModelInfo::new(match entry["type"].as_str() {
                    Some("APPLICATION") => text("inferenceProfileArn")?,
                    _ => text("inferenceProfileId")?,
                })
            }),
        }
    }
}

/// Models that the operator named.
pub(crate) fn named(models: &[String]) -> Vec<ModelInfo> {
    let models = models.iter().map(|model| ModelInfo {
        tasks: vec![match model.contains("embed") {
            true => Task::Embed,
            false => Task::Generate,
        }],
        ..ModelInfo::new(model)
    });
    models.collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn models_and_profiles_are_read() {
        let page = json!({"modelSummaries": [
            {"modelId": "anthropic.claude-x-v1:0", "modelName": "Claude X", "providerName": "Anthropic",
             "outputModalities": ["TEXT"], "modelLifecycle": {"status": "ACTIVE"}},
            {"modelId": "amazon.titan-embed-text-v2:0", "modelName": "Titan", "outputModalities": ["EMBEDDING"]},
            {"modelId": "stability.image", "modelName": "Image", "outputModalities": ["IMAGE"]},
        ]});
        let models = List::Models.read(&page);
        assert_eq!(models.len(), 2);
        assert_eq!(models[0].id, "anthropic.claude-x-v1:0");
        assert_eq!(models[0].display_name.as_deref(), Some("Claude X"));
        assert_eq!(models[0].owned_by.as_deref(), Some("Anthropic"));
        assert_eq!(models[0].tasks, [Task::Generate]);
        assert!(models[0].raw.as_ref().unwrap().contains("ACTIVE"));
        assert_eq!(models[1].tasks, [Task::Embed]);
        assert_eq!(List::Models.next(&page), None);
        let arn = "arn:aws:bedrock:us-east-1:123456789012:application-inference-profile/x";
        let page = json!({"nextToken": "a/b", "inferenceProfileSummaries": [
            {"inferenceProfileId": "us.anthropic.claude-x-v1:0", "inferenceProfileName": "US X", "type": "SYSTEM_DEFINED"},
            {"inferenceProfileId": "x", "inferenceProfileArn": arn, "type": "APPLICATION"},
        ]});
        let ids: Vec<_> = List::Profiles
            .read(&page)
            .into_iter()
            .map(|model| model.id)
            .collect();
        assert_eq!(ids, ["us.anthropic.claude-x-v1:0", arn]);
        assert_eq!(
            List::Profiles.path(List::Profiles.next(&page).as_deref()),
            "/inference-profiles?maxResults=1000&nextToken=a%2Fb"
        );
    }

    #[test]
    fn named_ones_are_offered_as_they_stand() {
        let models = named(&["m".into(), "cohere.embed-english-v3".into()]);
        assert_eq!(
            (models[0].id.as_str(), &models[0].tasks[..]),
            ("m", &[Task::Generate][..])
        );
        assert_eq!(models[1].tasks, [Task::Embed]);
    }
}
