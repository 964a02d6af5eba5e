//! Who is behind the calls of tools: a person who agrees to everything, and a model that says one thing.

use futures::future::BoxFuture;
use sandbox::Link;
use serde_json::{Map, Value};
use types::Error;
use types::config::Sample;
use types::neutral::{Message, Part, Role};
use types::tool::{Elicited, NoticeLevel, SampleRequest, Sampled};

use crate::values;

/// They.
pub(crate) struct Person;

impl Link for Person {
    fn progress(&self, _: f64, _: Option<f64>, _: Option<String>) {}

    fn notify(&self, _: NoticeLevel, _: Option<String>, _: String) {}

    fn elicit(&self, _: String, schema: String) -> BoxFuture<'_, Result<Elicited, Error>> {
        Box::pin(async move {
            let schema = serde_json::from_str(&schema).unwrap_or(Value::Object(Map::new()));
            let answer = values::fitting(&schema).into_iter().next();
            Ok(match answer {
                Some(answer) => Elicited::Accepted(answer.to_string()),
                None => Elicited::Declined,
            })
        })
    }

    fn sample<'a>(
        &'a self,
        _: &'a Sample,
        _: SampleRequest,
    ) -> BoxFuture<'a, Result<Sampled, Error>> {
        Box::pin(async {
            Ok(Sampled {
                message: Message::new(Role::Assistant, vec![Part::text("Said by the kit.")]),
                model: "conformance".into(),
                stop_reason: Some("endTurn".into()),
            })
        })
    }
}
