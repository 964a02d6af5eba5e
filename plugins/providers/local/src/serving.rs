use evenhand_sdk::tensors::{BackendInfo, Limits, ModelInfo, Task};
use evenhand_sdk::{Error, types};

/// What the granted accelerators have.
pub(crate) type Backends = [(BackendInfo, Vec<ModelInfo>)];

/// Models that answer or embed, each once, with all that it can do.
pub(crate) fn served(backends: &Backends) -> Vec<types::ModelInfo> {
    let mut served: Vec<types::ModelInfo> = Vec::new();
    for (backend, models) in backends {
        for model in models {
            let tasks: Vec<_> = model
                .tasks
                .iter()
                .filter_map(|task| neutral(*task))
                .collect();
            if tasks.is_empty() || served.iter().any(|known| known.id == model.name) {
                continue;
            }
            served.push(types::ModelInfo {
                tasks,
                max_input_tokens: model.max_context.map(u64::from),
                owned_by: Some(backend.name.clone()),
                ..types::ModelInfo::new(&model.name)
            });
        }
    }
    served
}

fn neutral(task: Task) -> Option<types::Task> {
    match task {
        Task::Generate => Some(types::Task::Generate),
        Task::Embed => Some(types::Task::Embed),
        Task::Infer => None,
    }
}

/// The first backend that has this model.
pub(crate) fn backend_of<'a>(
    backends: &'a Backends,
    name: &str,
) -> Result<(&'a BackendInfo, &'a ModelInfo), Error> {
    let found = backends.iter().find_map(|(backend, models)| {
        let model = models.iter().find(|model| model.name == name)?;
        Some((backend, model))
    });
    found.ok_or_else(|| {
        let names: Vec<&str> = backends
            .iter()
            .flat_map(|(_, models)| models)
            .map(|model| model.name.as_str())
            .collect();
        Error::not_found(format!(
            "no granted accelerator embeds with `{name}`, only with {names:?}"
        ))
        .at("model")
    })
}

/// Texts in batches that a backend takes, in order. A text that is too large by itself is a batch: the backend says so.
pub(crate) fn batches(texts: Vec<String>, limits: &Limits) -> Vec<Vec<String>> {
    let most = limits
        .max_batch
        .map_or(usize::MAX, |most| most.max(1) as usize);
    let most_bytes = limits.max_request_bytes.unwrap_or(u64::MAX);
    let mut batches: Vec<Vec<String>> = Vec::new();
    let mut bytes = 0_u64;
    for text in texts {
        let size = text.len() as u64;
        match batches.last_mut() {
            Some(batch) if batch.len() < most && bytes.saturating_add(size) <= most_bytes => {
                bytes += size;
                batch.push(text);
            }
            _ => {
                bytes = size;
                batches.push(vec![text]);
            }
        }
    }
    batches
}

#[cfg(test)]
mod tests {
    use super::*;
    use evenhand_sdk::types::ErrorCode;
    use proptest::prelude::*;

    fn limits(max_batch: Option<u32>, max_request_bytes: Option<u64>) -> Limits {
        Limits {
            max_batch,
            max_request_bytes,
            concurrency: None,
        }
    }

    fn backend(name: &str, models: &[(&str, &[Task])]) -> (BackendInfo, Vec<ModelInfo>) {
        let info = BackendInfo {
            vendor: "v".into(),
            name: name.into(),
            version: "1".into(),
            devices: vec![],
            limits: limits(None, None),
        };
        let models = models.iter().map(|(name, tasks)| ModelInfo {
            name: (*name).into(),
            versions: vec![],
            platform: "gguf".into(),
            tasks: tasks.to_vec(),
            inputs: vec![],
            outputs: vec![],
            max_context: Some(8192),
            dimensions: None,
        });
        (info, models.collect())
    }

    #[test]
    fn a_model_is_listed_once_with_its_tasks() {
        let backends = [
            backend(
                "one",
                &[
                    ("a", &[Task::Generate, Task::Embed]),
                    ("tensors", &[Task::Infer]),
                ],
            ),
            backend("two", &[("a", &[Task::Embed]), ("b", &[Task::Embed])]),
        ];
        let served = served(&backends);
        let names: Vec<_> = served
            .iter()
            .map(|model| (model.id.as_str(), model.owned_by.as_deref()))
            .collect();
        assert_eq!(names, [("a", Some("one")), ("b", Some("two"))]);
        assert!(matches!(
            served[0].tasks[..],
            [types::Task::Generate, types::Task::Embed]
        ));
        assert_eq!(served[0].max_input_tokens, Some(8192));

        assert_eq!(backend_of(&backends, "b").unwrap().0.name, "two");
        let error = backend_of(&backends, "c").unwrap_err();
        assert_eq!(error.code, ErrorCode::NotFound);
        assert!(error.message.contains("\"b\""), "{}", error.message);
    }

    proptest! {
        #[test]
        fn batches_keep_every_text_in_order_within_the_limits(
            texts in prop::collection::vec("[a-z]{0,9}", 0..20),
            most in 1_u32..5,
            bytes in 1_u64..20,
        ) {
            let batches = batches(texts.clone(), &limits(Some(most), Some(bytes)));
            for batch in &batches {
                let size: usize = batch.iter().map(String::len).sum();
                prop_assert!(!batch.is_empty() && batch.len() <= most as usize);
                prop_assert!(size as u64 <= bytes || batch.len() == 1);
            }
            prop_assert_eq!(batches.concat(), texts);
        }
    }
}
