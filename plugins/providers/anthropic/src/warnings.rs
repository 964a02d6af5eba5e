use evenhand_sdk::types::{Event, Extension, Warning};
use serde_json::{Map, Value};

/// What was not honoured, each thing once: a conversation may offend at every turn.
#[derive(Debug, Default)]
pub(crate) struct Warnings(Vec<Warning>);

impl Warnings {
    /// Adds one, unless it was said before.
    pub(crate) fn add(&mut self, field: &str, message: impl Into<String>) {
        let message = message.into();
        let said = |known: &Warning| known.field == field && known.message == message;
        if !self.0.iter().any(said) {
            let field = field.into();
            self.0.push(Warning { field, message });
        }
    }

    /// As events of an answer.
    pub(crate) fn into_events(self) -> Vec<Event> {
        self.0.into_iter().map(Event::Warning).collect()
    }

    /// The fields named.
    #[cfg(test)]
    pub(crate) fn fields(&self) -> Vec<&str> {
        self.0
            .iter()
            .map(|warning| warning.field.as_str())
            .collect()
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
                merge(known, more, &path, warnings)
            }
            (Some(known), value) if *known == value => {}
            (Some(_), _) => warnings.add(&path, "another field of the request says this: left out"),
        }
    }
}
