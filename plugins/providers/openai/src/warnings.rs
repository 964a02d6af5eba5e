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

/// Puts fields of our own dialect, which the neutral form has no place for, back where the client had them, at any
/// depth. What the neutral form did say wins. Another dialect's fields are another vendor's words: a warning names them.
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
            merge(body, fields, "extensions", warnings);
            continue;
        }
        for name in fields.keys() {
            warnings.add(
                &format!("extensions.{name}"),
                "this vendor's wire format has no such field: left out",
            );
        }
    }
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

/// Names what provider data say beside these fields, which this vendor has no place for.
pub(crate) fn left_out(
    provider_data: Option<&str>,
    known: &[&str],
    path: &str,
    warnings: &mut Warnings,
) {
    let data = provider_data.and_then(|data| serde_json::from_str(data).ok());
    let Some(Value::Object(fields)) = data else {
        return;
    };
    let empty = |value: &Value| value.is_null() || value.as_array().is_some_and(Vec::is_empty);
    for (name, value) in fields {
        if !known.contains(&name.as_str()) && !empty(&value) {
            warnings.add(
                &format!("{path}.{name}"),
                "the vendor has no such field there: left out",
            );
        }
    }
}
