//! Fields that other servers refuse or misread.

use evenhand_sdk::Warnings;
use serde::Deserialize;
use serde_json::{Map, Value};

/// A field that may be left out: without it the answer is another, but still one to what was asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Field {
    /// Then the server may not tell the tokens of a stream.
    StreamOptions,
    /// Tools are called as the server likes.
    ParallelToolCalls,
    /// Of tools and of the answer's schema: it is then asked for, not enforced.
    Strict,
    /// How long the answer should be.
    Verbosity,
    /// How much to think, in either API.
    Reasoning,
    /// Which tier serves.
    ServiceTier,
    /// Whom the client asks for.
    User,
    /// Labels.
    Metadata,
    /// Whether the vendor keeps the answer.
    Store,
    /// What else to put into the answer.
    Include,
}

impl Field {
    /// The field's path in the neutral form, and its paths in requests; `*` is every entry of a list.
    fn paths(self) -> (&'static str, &'static [&'static str]) {
        match self {
            Self::StreamOptions => ("extensions.stream_options", &["stream_options"]),
            Self::ParallelToolCalls => ("parallel_tool_calls", &["parallel_tool_calls"]),
            Self::Strict => (
                "tools.strict",
                &[
                    "tools.*.function.strict",
                    "tools.*.strict",
                    "response_format.json_schema.strict",
                    "text.format.strict",
                ],
            ),
            Self::Verbosity => ("verbosity", &["verbosity", "text.verbosity"]),
            Self::Reasoning => ("reasoning", &["reasoning_effort", "reasoning"]),
            Self::ServiceTier => ("service_tier", &["service_tier"]),
            Self::User => ("user", &["user"]),
            Self::Metadata => ("metadata", &["metadata"]),
            Self::Store => ("extensions.store", &["store"]),
            Self::Include => ("extensions.include", &["include"]),
        }
    }

    /// What we add ourselves is left out without a word; `false` asks for nothing.
    fn is_ours(self, value: &Value) -> bool {
        let only_usage = || {
            let fields = value.as_object();
            fields.is_some_and(|fields| fields.keys().all(|name| name == "include_usage"))
        };
        match self {
            Self::StreamOptions => only_usage(),
            Self::Store | Self::Strict => *value == Value::Bool(false),
            Self::Include => true,
            _ => false,
        }
    }
}

/// Takes these fields out of a request, and warns of each that somebody had asked for.
pub(crate) fn leave_out(body: &mut Map<String, Value>, fields: &[Field], warnings: &mut Warnings) {
    for field in fields {
        let (name, paths) = field.paths();
        for path in paths {
            let steps: Vec<_> = path.split('.').collect();
            take(body, &steps, &mut |value| {
                if !field.is_ours(&value) {
                    warnings.add(
                        name,
                        "the operator says that this server can't take it: left out",
                    );
                }
            });
        }
    }
}

fn take(fields: &mut Map<String, Value>, path: &[&str], taken: &mut impl FnMut(Value)) {
    match path {
        [last] => {
            if let Some(value) = fields.shift_remove(*last) {
                taken(value);
            }
        }
        [name, "*", rest @ ..] => {
            let entries = fields.get_mut(*name).and_then(Value::as_array_mut);
            for entry in entries
                .into_iter()
                .flatten()
                .filter_map(Value::as_object_mut)
            {
                take(entry, rest, taken);
            }
        }
        [name, rest @ ..] => {
            if let Some(inner) = fields.get_mut(*name).and_then(Value::as_object_mut) {
                take(inner, rest, taken);
            }
        }
        [] => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn what_a_server_refuses_is_left_out_and_named_where_it_was_asked_for() {
        let fields: Vec<Field> = serde_json::from_value(json!([
            "stream_options",
            "parallel_tool_calls",
            "strict",
            "verbosity",
            "reasoning",
            "store",
            "include",
            "user"
        ]))
        .unwrap();
        let leave = |body: Value| {
            let mut warnings = Warnings::default();
            let Value::Object(mut body) = body else {
                panic!("an object")
            };
            leave_out(&mut body, &fields, &mut warnings);
            let named: Vec<_> = warnings.fields().map(str::to_owned).collect();
            (Value::Object(body), named)
        };
        let chat = json!({"model": "m", "stream_options": {"include_usage": true}, "parallel_tool_calls": true,
            "tools": [{"function": {"name": "a", "strict": true}}, {"function": {"name": "b", "strict": false}}],
            "verbosity": "low", "reasoning_effort": "low"});
        assert_eq!(
            leave(chat),
            (
                json!({"model": "m", "tools": [{"function": {"name": "a"}}, {"function": {"name": "b"}}]}),
                [
                    "parallel_tool_calls",
                    "tools.strict",
                    "verbosity",
                    "reasoning"
                ]
                .map(String::from)
                .to_vec()
            )
        );
        let responses = json!({"store": false, "include": ["x"], "text": {"verbosity": "low", "format": {"strict": false}},
            "stream_options": {"include_obfuscation": false}, "user": "u"});
        assert_eq!(
            leave(responses),
            (
                json!({"text": {"format": {}}}),
                ["extensions.stream_options", "verbosity", "user"]
                    .map(String::from)
                    .to_vec()
            )
        );
    }
}
