use evenhand_sdk::types::{Event, Extension, Warning};
use serde_json::{Map, Value};

/// What was not honoured, each field once: a conversation may offend at every turn.
#[derive(Debug, Default)]
pub(crate) struct Warnings(Vec<Warning>);

impl Warnings {
    /// Adds one, unless this field has one.
    pub(crate) fn add(&mut self, field: &str, message: impl Into<String>) {
        if !self.0.iter().any(|warning| warning.field == field) {
            self.0.push(Warning {
                field: field.into(),
                message: message.into(),
            });
        }
    }

    /// As events of an answer.
    pub(crate) fn into_events(self) -> Vec<Event> {
        self.0.into_iter().map(Event::Warning).collect()
    }

    /// As they stand beside embeddings.
    pub(crate) fn into_inner(self) -> Vec<Warning> {
        self.0
    }
}

/// Puts fields of our own dialect, which the neutral form has no place for, back where the client had them. What the
/// neutral form did say wins. Another dialect's fields are another vendor's words: a warning names them.
pub(crate) fn merge_extensions(
    body: &mut Map<String, Value>,
    extensions: &[Extension],
    dialect: &str,
    warnings: &mut Warnings,
) {
    for extension in extensions {
        let Ok(Value::Object(fields)) = serde_json::from_str(&extension.fields) else {
            continue;
        };
        if extension.dialect == dialect {
            for (name, value) in fields {
                body.entry(name).or_insert(value);
            }
        } else {
            for name in fields.keys() {
                warnings.add(
                    &format!("extensions.{name}"),
                    "this vendor's wire format has no such field: left out",
                );
            }
        }
    }
}
