use std::collections::HashSet;

use serde_json::{Map, Value};

use crate::types::{Event, Extension, Warning};

/// What a request asked for and this target can't honour, collected while the request is translated.
///
/// Each message about a field is kept, and kept once: a conversation may offend at every turn.
#[derive(Debug, Clone, Default)]
pub struct Warnings {
    all: Vec<Warning>,
    /// Field and message of each, since there may be too many to search them every time.
    said: HashSet<(String, String)>,
}

impl Warnings {
    /// Adds one, unless it was said before. `field` is of the neutral form, such as `sampling.seed`; `message` says what
    /// is done instead.
    pub fn add(&mut self, field: &str, message: impl Into<String>) {
        let (field, message) = (field.to_owned(), message.into());
        if self.said.insert((field.clone(), message.clone())) {
            self.all.push(Warning { field, message });
        }
    }

    /// Adds one for each field of this extension, as of another vendor's words.
    pub fn add_extension(&mut self, extension: &Extension) {
        for name in fields(extension, self).keys() {
            self.add(
                &format!("extensions.{name}"),
                "this provider has no such field: left out",
            );
        }
    }

    /// The fields that they are about, in order.
    pub fn fields(&self) -> impl Iterator<Item = &str> {
        self.all.iter().map(|warning| warning.field.as_str())
    }

    /// As events of an answer. They come after [`Event::Started`].
    pub fn into_events(self) -> Vec<Event> {
        self.all.into_iter().map(Event::Warning).collect()
    }

    /// As they stand beside embeddings.
    pub fn into_vec(self) -> Vec<Warning> {
        self.all
    }
}

/// Puts the fields of extensions in `dialect`, the wire format that the vendor speaks itself, back into the body of a
/// request, where the client had them, at any depth. What the body says already wins. Another dialect's fields are
/// another vendor's words and stay out. A warning names each field that is left out.
pub fn merge_extensions(
    body: &mut Map<String, Value>,
    extensions: &[Extension],
    dialect: &str,
    warnings: &mut Warnings,
) {
    for extension in extensions {
        match extension.dialect == dialect {
            true => merge(body, fields(extension, warnings), "extensions", warnings),
            false => warnings.add_extension(extension),
        }
    }
}

fn fields(extension: &Extension, warnings: &mut Warnings) -> Map<String, Value> {
    serde_json::from_str(&extension.fields).unwrap_or_else(|e| {
        warnings.add(
            "extensions",
            format!(
                "those of `{}` are no JSON object: left out: {e}",
                extension.dialect
            ),
        );
        Map::new()
    })
}

fn merge(
    into: &mut Map<String, Value>,
    fields: Map<String, Value>,
    path: &str,
    warnings: &mut Warnings,
) {
    for (name, value) in fields {
        let path = format!("{path}.{name}");
        match (into.get_mut(&name), value) {
            (None, value) => drop(into.insert(name, value)),
            (Some(Value::Object(known)), Value::Object(more)) => {
                merge(known, more, &path, warnings);
            }
            (Some(known), value) if *known == value => {}
            (Some(_), _) => warnings.add(&path, "another field of the request says this: left out"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn extension(dialect: &str, fields: &str) -> Extension {
        Extension {
            dialect: dialect.into(),
            fields: fields.into(),
        }
    }

    #[test]
    fn every_message_is_kept_once() {
        let mut warnings = Warnings::default();
        warnings.add("cache", "one");
        warnings.add("cache", "two");
        warnings.add("cache", "one");
        warnings.add("user", "one");
        let said = warnings.into_vec();
        let said: Vec<_> = said
            .iter()
            .map(|it| (it.field.as_str(), it.message.as_str()))
            .collect();
        assert_eq!(said, [("cache", "one"), ("cache", "two"), ("user", "one")]);
    }

    #[test]
    fn our_dialect_is_merged_at_any_depth_and_the_rest_is_named() {
        let mut body = Map::new();
        body.insert("model".into(), json!("m"));
        body.insert("thinking".into(), json!({"type": "enabled"}));
        let mut warnings = Warnings::default();
        let extensions = [
            extension(
                "ours",
                r#"{"model": "m", "speed": "fast", "thinking": {"type": "off", "shown": true}}"#,
            ),
            extension("theirs", r#"{"logit_bias": {}, "store": true}"#),
            extension("ours", "[]"),
            extension("theirs", "{"),
        ];
        merge_extensions(&mut body, &extensions, "ours", &mut warnings);
        assert_eq!(
            Value::Object(body),
            json!({"model": "m", "thinking": {"type": "enabled", "shown": true}, "speed": "fast"})
        );
        assert_eq!(
            warnings.fields().collect::<Vec<_>>(),
            [
                "extensions.thinking.type",
                "extensions.logit_bias",
                "extensions.store",
                "extensions",
                "extensions",
            ]
        );
    }
}
