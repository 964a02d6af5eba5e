//! Fills in templates.
//!
//! | template | stands for |
//! |---|---|
//! | `{{message}}` | what the person said last |
//! | `{{word C-}}` | its first word that begins so, without punctuation around it |
//! | `{{NAME/rows/0/limit}}` | what a JSON pointer (RFC 6901) finds in the result of the call of this name |
//! | `{{NAME}}` | that result |
//!
//! A text that is one template and nothing else becomes the value itself, a number stays a number; within a text values are written out.

use evenhand_sdk::Error;
use serde_json::{Map, Value};

/// What templates may stand for.
pub(crate) struct Known {
    /// What the person said last.
    pub(crate) message: String,
    /// Results by the names of their calls.
    pub(crate) results: Map<String, Value>,
}

impl Known {
    /// The same value with all templates filled in.
    ///
    /// # Errors
    /// What a template asks for isn't there.
    pub(crate) fn fill(&self, value: &Value) -> Result<Value, Error> {
        Ok(match value {
            Value::String(text) => self.text(text)?,
            Value::Array(values) => {
                let filled = values.iter().map(|value| self.fill(value));
                filled.collect::<Result<_, _>>()?
            }
            Value::Object(fields) => {
                let filled = fields
                    .iter()
                    .map(|(name, value)| Ok((name.clone(), self.fill(value)?)));
                Value::Object(filled.collect::<Result<_, Error>>()?)
            }
            other => other.clone(),
        })
    }

    fn text(&self, text: &str) -> Result<Value, Error> {
        let only = text.strip_prefix("{{").and_then(|it| it.strip_suffix("}}"));
        if let Some(only) = only.filter(|only| !only.contains("}}")) {
            return self.find(only);
        }
        let mut written = String::new();
        let mut rest = text;
        while let Some((before, after)) = rest.split_once("{{") {
            let (template, after) = after
                .split_once("}}")
                .ok_or_else(|| Error::internal(format!("no end of a template in {text:?}")))?;
            written.push_str(before);
            match self.find(template)? {
                Value::String(text) => written.push_str(&text),
                value => written.push_str(&value.to_string()),
            }
            rest = after;
        }
        written.push_str(rest);
        Ok(Value::String(written))
    }

    fn find(&self, template: &str) -> Result<Value, Error> {
        let template = template.trim();
        if template == "message" {
            return Ok(self.message.clone().into());
        }
        if let Some(prefix) = template.strip_prefix("word ") {
            let edge = |c: char| !c.is_alphanumeric();
            let mut words = self.message.split_whitespace();
            let word = words.find_map(|word| {
                let word = word.trim_matches(edge);
                word.starts_with(prefix).then(|| word.into())
            });
            return word.ok_or_else(|| {
                Error::bad_request(format!(
                    "the message has no word that begins with {prefix:?}"
                ))
            });
        }
        let (name, pointer) = match template.find('/') {
            Some(at) => template.split_at(at),
            None => (template, ""),
        };
        let result = self.results.get(name);
        let found = result.and_then(|result| result.pointer(pointer));
        found.cloned().ok_or_else(|| {
            Error::bad_request(format!(
                "the script wants {{{{{template}}}}}, which no result has"
            ))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn known() -> Known {
        let results =
            json!({"policy": {"rows": [{"limit": 5000, "holder": "Ada"}]}, "sum": "text"});
        Known {
            message: "Settle claim C-7, please: (D-2).".into(),
            results: results.as_object().unwrap().clone(),
        }
    }

    #[test]
    fn a_value_keeps_its_type_where_it_stands_alone() {
        let template = json!({"a": ["{{policy/rows/0/limit}}", 1], "b": "{{word C-}}", "c": "{{sum}}", "d": "{{message}}"});
        assert_eq!(
            known().fill(&template).unwrap(),
            json!({"a": [5000, 1], "b": "C-7", "c": "text", "d": "Settle claim C-7, please: (D-2)."})
        );
    }

    #[test]
    fn within_a_text_values_are_written_out() {
        let text = json!("{{policy/rows/0/holder}} has {{ policy/rows/0/limit }}.{{word D-}}");
        assert_eq!(known().fill(&text).unwrap(), json!("Ada has 5000.D-2"));
    }

    #[test]
    fn what_is_not_there_is_an_error_that_names_it() {
        for (text, named) in [
            ("{{policy/rows/1/limit}}", "policy/rows/1/limit"),
            ("x {{none}}", "none"),
            ("{{word E-}}", "E-"),
            ("x {{open", "open"),
        ] {
            let error = known().fill(&json!(text)).unwrap_err();
            assert!(error.message.contains(named), "{}", error.message);
        }
    }
}
