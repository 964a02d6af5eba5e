use evenhand_sdk::Error;
use evenhand_sdk::types::*;
use serde::Deserialize;
use serde_json::{Map, Value};

use crate::fill::Known;

/// A script, played from its first step for each message of a person.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Script {
    /// The model's name.
    pub(crate) name: String,
    steps: Vec<Step>,
    /// Said instead of the next step where a tool failed or a person refused a call; `{{error}}` is why.
    #[serde(default = "failed")]
    failed: String,
}

fn failed() -> String {
    "I stopped, since a call of mine failed: {{error}}".into()
}

/// An answer of the model.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Step {
    say: Option<String>,
    #[serde(default)]
    calls: Vec<Call>,
}

/// A call of a tool.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Call {
    tool: String,
    /// What later steps call its result.
    #[serde(rename = "as")]
    name: String,
    #[serde(default)]
    arguments: Map<String, Value>,
}

impl Script {
    /// Can it be played to its end?
    ///
    /// # Errors
    /// What keeps it from that.
    pub(crate) fn check(&self) -> Result<(), Error> {
        let wrong = |what: &str| Err(Error::internal(format!("script {:?}: {what}", self.name)));
        match self.steps.split_last() {
            None => wrong("it has no steps"),
            Some((last, _)) if !last.calls.is_empty() => {
                wrong("its last step calls tools: nobody would read their results")
            }
            Some((_, before)) if before.iter().any(|step| step.calls.is_empty()) => {
                wrong("a step before the last calls no tool: the turn would end there")
            }
            Some((last, _)) if last.say.is_none() => wrong("its last step says nothing"),
            Some(_) => Ok(()),
        }
    }

    /// The next answer. How many there were since the person last said something tells which step it is.
    ///
    /// # Errors
    /// The script has no such step, or the request not the tool; a template can't be filled in.
    pub(crate) fn play(&self, request: &GenerateRequest) -> Result<Vec<Part>, Error> {
        let messages = &request.messages;
        let user = |message: &Message| message.role == Role::User;
        let said = messages.iter().rposition(user);
        let turn = &messages[said.unwrap_or(0)..];
        let answers: Vec<&Message> = turn
            .iter()
            .filter(|message| message.role == Role::Assistant)
            .collect();
        let mut known = Known {
            message: said.map(|at| messages[at].text()).unwrap_or_default(),
            results: Map::new(),
        };
        for (step, answer) in self.steps.iter().zip(&answers) {
            for (call, made) in step.calls.iter().zip(calls(answer)) {
                if let Some(result) = result_of(&made.id, turn) {
                    known.results.insert(call.name.clone(), value(result));
                }
            }
        }
        let last = answers.last().into_iter().flat_map(|answer| calls(answer));
        let mut results = last.filter_map(|call| result_of(&call.id, turn));
        if let Some(error) = results.find(|result| result.is_error) {
            known.results.insert("error".into(), text(error).into());
            return Ok(vec![say(&self.failed, &known)?]);
        }
        let step = self.steps.get(answers.len()).ok_or_else(|| {
            let (name, steps) = (&self.name, self.steps.len());
            Error::bad_request(format!("the script {name:?} is over after {steps} steps"))
        })?;
        // Ids are unique in a conversation.
        let mut number = messages.iter().flat_map(calls).count();
        let mut parts = Vec::new();
        if let Some(text) = &step.say {
            parts.push(say(text, &known)?);
        }
        for call in &step.calls {
            offered(&call.tool, &request.tools)?;
            number += 1;
            let arguments = known.fill(&Value::Object(call.arguments.clone()))?;
            parts.push(Part::new(Content::ToolCall(ToolCall {
                id: format!("call_{number}"),
                name: call.tool.clone(),
                arguments: arguments.to_string(),
                by_provider: false,
            })));
        }
        Ok(parts)
    }
}

fn say(text: &str, known: &Known) -> Result<Part, Error> {
    let said = known.fill(&Value::String(text.into()))?;
    let said = said
        .as_str()
        .map_or_else(|| said.to_string(), str::to_owned);
    Ok(Part::text(said))
}

fn offered(name: &str, tools: &[Tool]) -> Result<(), Error> {
    let is_it = |tool: &Tool| matches!(tool, Tool::Function(function) if function.name == name);
    match tools.iter().any(is_it) {
        true => Ok(()),
        false => Err(Error::bad_request(format!(
            "the script calls the tool {name:?}, which the request doesn't offer"
        ))),
    }
}

fn calls(message: &Message) -> impl Iterator<Item = &ToolCall> {
    message.parts.iter().filter_map(|part| match &part.content {
        Content::ToolCall(call) => Some(call),
        _ => None,
    })
}

fn result_of<'m>(id: &str, messages: &'m [Message]) -> Option<&'m ToolResult> {
    let mut parts = messages.iter().flat_map(|message| &message.parts);
    parts.find_map(|part| match &part.content {
        Content::ToolResult(result) if result.call_id == id => Some(result),
        _ => None,
    })
}

fn text(result: &ToolResult) -> String {
    let texts = result.content.iter().filter_map(|piece| match piece {
        ResultContent::Text(text) => Some(text.as_str()),
        _ => None,
    });
    texts.collect::<Vec<_>>().join("\n")
}

/// JSON where it is some, else text.
fn value(result: &ToolResult) -> Value {
    let text = text(result);
    serde_json::from_str(&text).unwrap_or(Value::String(text))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn script() -> Script {
        let script = json!({"name": "s", "failed": "No: {{error}}", "steps": [
            {"say": "Looking.", "calls": [
                {"tool": "db/query", "as": "policy", "arguments": {"id": "{{word P-}}"}},
                {"tool": "db/query", "as": "damage"}]},
            {"calls": [{"tool": "pay", "as": "paid", "arguments": {"amount": "{{policy/limit}}"}}]},
            {"say": "Paid {{policy/limit}} for {{damage}}."}]});
        serde_json::from_value(script).unwrap()
    }

    fn tool(name: &str) -> Tool {
        Tool::Function(FunctionTool {
            name: name.into(),
            description: None,
            parameters: None,
            strict: None,
            cache: None,
            provider_data: None,
        })
    }

    fn request(messages: Vec<Message>) -> GenerateRequest {
        GenerateRequest {
            tools: vec![tool("db/query"), tool("pay")],
            ..GenerateRequest::new("s", messages)
        }
    }

    fn result(id: &str, text: &str, is_error: bool) -> Part {
        Part::new(Content::ToolResult(ToolResult {
            call_id: id.into(),
            name: None,
            content: vec![ResultContent::Text(text.into())],
            is_error,
            by_provider: false,
        }))
    }

    fn user(text: &str) -> Message {
        Message::new(Role::User, vec![Part::text(text)])
    }

    /// Plays a step, and adds its answer and these results.
    fn go_on(messages: &mut Vec<Message>, results: Vec<Part>) -> Vec<Part> {
        let parts = script().play(&request(messages.clone())).unwrap();
        messages.push(Message::new(Role::Assistant, parts.clone()));
        messages.push(Message::new(Role::Tool, results));
        parts
    }

    fn made(parts: &[Part]) -> Vec<(String, String, String)> {
        let calls = parts.iter().filter_map(|part| match &part.content {
            Content::ToolCall(call) => Some(call),
            _ => None,
        });
        let made = calls.map(|call| (call.id.clone(), call.name.clone(), call.arguments.clone()));
        made.collect()
    }

    #[test]
    fn steps_follow_each_other_with_what_came_before() {
        let mut messages = vec![user("Policy P-1.")];
        let damage = result("call_2", "hail", false);
        let policy = result("call_1", r#"{"limit": 7}"#, false);
        let first = go_on(&mut messages, vec![damage, policy]);
        let looked = |id: &str, arguments: &str| (id.into(), "db/query".into(), arguments.into());
        assert_eq!(
            made(&first),
            [looked("call_1", r#"{"id":"P-1"}"#), looked("call_2", "{}")]
        );
        let second = go_on(&mut messages, vec![result("call_3", "done", false)]);
        assert_eq!(
            made(&second),
            [("call_3".into(), "pay".into(), r#"{"amount":7}"#.into())]
        );
        let last = script().play(&request(messages.clone())).unwrap();
        assert_eq!(last, [Part::text("Paid 7 for hail.")]);
        // Another message: from the beginning, and no id twice.
        messages.push(Message::new(Role::Assistant, last));
        messages.push(user("Policy P-2."));
        let again = script().play(&request(messages)).unwrap();
        assert_eq!(made(&again)[0], looked("call_4", r#"{"id":"P-2"}"#));
    }

    #[test]
    fn a_failed_call_ends_it() {
        let mut messages = vec![user("Policy P-1.")];
        let failed = result("call_2", "a person refused", true);
        go_on(&mut messages, vec![result("call_1", "{}", false), failed]);
        let last = script().play(&request(messages)).unwrap();
        assert_eq!(last, [Part::text("No: a person refused")]);
    }

    #[test]
    fn it_calls_nothing_that_is_not_offered() {
        let bare = GenerateRequest::new("s", vec![user("P-1")]);
        let error = script().play(&bare).unwrap_err();
        assert!(error.message.contains("db/query"), "{}", error.message);
    }

    #[test]
    fn a_script_that_can_not_be_played_is_refused() {
        let call = json!({"tool": "t", "as": "t"});
        for steps in [
            json!([]),
            json!([{"calls": [call]}]),
            json!([{"say": "a"}, {"say": "b"}]),
            json!([{}]),
        ] {
            let script = json!({"name": "s", "steps": steps});
            let script: Script = serde_json::from_value(script).unwrap();
            assert!(script.check().is_err());
        }
        assert_eq!(script().check(), Ok(()));
    }
}
