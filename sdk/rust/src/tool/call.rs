use schemars::JsonSchema;
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::typed::schema_of;
use crate::Failure;
use crate::tool_host::{self, Elicited, NoticeLevel};

/// The call that a tool works for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Call {
    id: String,
}

/// A person's answer to a question.
#[derive(Debug, Clone, PartialEq)]
pub enum Answer<T> {
    /// What they filled in.
    Accepted(T),
    /// They said no.
    Declined,
    /// They went away.
    Cancelled,
}

impl Call {
    /// A call with this id; for tests, and for who runs a tool by hand.
    pub fn new(id: impl Into<String>) -> Self {
        Self { id: id.into() }
    }

    /// The call's id: the same where the host repeats a call of an idempotent tool, else unique.
    pub fn id(&self) -> &str {
        &self.id
    }

    /// Says how far the work is. `done` only grows; `total`, where it is known, is its end.
    pub fn progress(&self, done: f64, total: Option<f64>, message: Option<&str>) {
        tool_host::progress(done, total, message);
    }

    /// Tells the client something while the tool works. The operator's log is [`log`](crate::log).
    pub fn notify(&self, level: NoticeLevel, data: &Value) {
        tool_host::notify(level, None, &data.to_string());
    }

    /// Asks the person behind the call to fill in a struct of texts, numbers, booleans and enums. Needs the grant `elicit`.
    ///
    /// # Errors
    /// `unsupported` where nobody can be asked; `refused-by-policy` without the grant; [`Failure::Correctable`] where the answer
    /// doesn't fit.
    pub fn ask<T: DeserializeOwned + JsonSchema>(
        &self,
        message: &str,
    ) -> Result<Answer<T>, Failure> {
        let schema = schema_of::<T>().as_value().to_string();
        read_answer(tool_host::elicit(message, &schema)?)
    }
}

fn read_answer<T: DeserializeOwned>(elicited: Elicited) -> Result<Answer<T>, Failure> {
    match elicited {
        Elicited::Accepted(json) => serde_json::from_str(&json)
            .map(Answer::Accepted)
            .map_err(|e| Failure::correct(format!("the person's answer doesn't fit: {e}"))),
        Elicited::Declined => Ok(Answer::Declined),
        Elicited::Cancelled => Ok(Answer::Cancelled),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(serde::Deserialize, Debug, PartialEq)]
    struct Name {
        name: String,
    }

    #[test]
    fn an_answer_is_read_into_its_type() {
        let accepted = |json: &str| read_answer::<Name>(Elicited::Accepted(json.into()));
        let name = "Ada".into();
        assert_eq!(
            accepted(r#"{"name": "Ada"}"#),
            Ok(Answer::Accepted(Name { name }))
        );
        assert!(matches!(accepted("{}"), Err(Failure::Correctable(_))));
        assert_eq!(
            read_answer::<Name>(Elicited::Declined),
            Ok(Answer::Declined)
        );
        assert_eq!(
            read_answer::<Name>(Elicited::Cancelled),
            Ok(Answer::Cancelled)
        );
    }
}
