//! Answers that are kept, as long as their clients may refer to them.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use types::{Error, ErrorCode, UpstreamError, neutral::Part};

use super::Status;
use crate::{field::at, openai::page};

/// An answer that is kept, with what it answers.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Stored {
    /// The response object. What a client gets of it, [`shown`] says.
    pub response: Value,
    /// The items of its request, not of those before it.
    pub input: Vec<Value>,
    /// What items of the answer say only to their vendor, by their ids. Never shown.
    #[serde(default)]
    pub(super) kept: BTreeMap<String, Vec<Part>>,
}

impl Stored {
    /// Its id.
    pub fn id(&self) -> &str {
        self.response["id"].as_str().unwrap_or_default()
    }

    /// Its items in order: those of the request, those of the answer.
    pub(super) fn items(&self) -> impl Iterator<Item = &Value> {
        let output = self.response["output"].as_array();
        self.input.iter().chain(output.into_iter().flatten())
    }

    /// The ids of its items, by which requests may refer to them.
    pub fn item_ids(&self) -> impl Iterator<Item = &str> {
        self.items().filter_map(|item| item["id"].as_str())
    }

    /// It is complete, one way or another: it can be gone on from.
    pub fn is_over(&self) -> bool {
        let running = [Status::Queued.word(), Status::InProgress.word()];
        let status = self.response["status"].as_str();
        status.is_some_and(|status| !running.contains(&status))
    }

    /// The same, as what failed for this reason.
    #[must_use]
    pub fn failed(mut self, message: &str) -> Self {
        self.response["status"] = Status::Failed.word().into();
        self.response["error"] = json!({ "code": "server_error", "message": message });
        self
    }

    /// The same, cancelled.
    #[must_use]
    pub fn cancelled(mut self) -> Self {
        self.response["status"] = Status::Cancelled.word().into();
        self
    }
}

/// What a request refers to.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Past {
    /// The answers that it goes on from, oldest first; the last is `previous_response_id`.
    pub chain: Vec<Stored>,
    /// Other answers, of which it names items.
    pub others: Vec<Stored>,
}

impl Past {
    fn all(&self) -> impl Iterator<Item = &Stored> {
        self.chain.iter().chain(&self.others)
    }

    pub(super) fn item(&self, id: &str) -> Option<&Value> {
        self.all()
            .flat_map(Stored::items)
            .find(|item| item["id"] == id)
    }

    pub(super) fn kept(&self, id: &str) -> Option<&[Part]> {
        self.all().find_map(|it| it.kept.get(id)).map(Vec::as_slice)
    }
}

/// Which items of a request `GET /v1/responses/{id}/input_items` asks for.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Page {
    /// Oldest first; else newest first.
    pub ascending: bool,
    /// Those behind this one.
    pub after: Option<String>,
    /// Most of them, 1 to 100; absent: 20.
    pub limit: Option<usize>,
    /// What else they shall show.
    pub include: Vec<String>,
}

/// The items of a request, of which a page is wanted.
///
/// # Errors
/// A limit out of bounds; no such item.
pub fn input_items(stored: &Stored, page: &Page) -> Result<Value, Error> {
    let limit = page::limit(page.limit)?;
    let after = page.after.as_deref();
    let missing = |id: &str| not_found_at("Item", id, "after");
    let items = stored.input.clone();
    let mut list = page::cut(items, page.ascending, after, limit, missing)?;
    hide(&mut list["data"], &page.include);
    Ok(list)
}

/// A kept answer as `GET /v1/responses/{id}` shows it.
pub fn shown(stored: &Stored, include: &[String]) -> Value {
    let mut response = stored.response.clone();
    hide(&mut response["output"], include);
    response
}

/// The answer to a deletion.
pub fn deleted(id: &str) -> Value {
    json!({ "id": id, "object": "response", "deleted": true })
}

/// Takes out what is shown only to those who ask: of which items, where, and by which word.
fn hide(items: &mut Value, include: &[String]) {
    const HIDDEN: [(&str, &str, &str); 7] = [
        (
            "reasoning",
            "/encrypted_content",
            "reasoning.encrypted_content",
        ),
        ("file_search_call", "/results", "file_search_call.results"),
        ("web_search_call", "/results", "web_search_call.results"),
        (
            "web_search_call",
            "/action/sources",
            "web_search_call.action.sources",
        ),
        (
            "code_interpreter_call",
            "/outputs",
            "code_interpreter_call.outputs",
        ),
        (
            "computer_call_output",
            "/output/image_url",
            "computer_call_output.output.image_url",
        ),
        (
            "message",
            "/content/*/image_url",
            "message.input_image.image_url",
        ),
    ];
    for item in items.as_array_mut().into_iter().flatten() {
        let kind = item["type"].as_str().unwrap_or_default().to_owned();
        for (of, path, word) in HIDDEN {
            if of == kind && !include.iter().any(|it| it == word) {
                let mut path = path.split('/').skip(1).peekable();
                remove(item, &mut path);
            }
        }
    }
}

fn remove<'a>(
    from: &mut Value,
    path: &mut std::iter::Peekable<impl Iterator<Item = &'a str> + Clone>,
) {
    let Some(key) = path.next() else { return };
    match from {
        Value::Object(fields) if path.peek().is_none() => {
            fields.shift_remove(key);
        }
        Value::Object(fields) => {
            if let Some(inner) = fields.get_mut(key) {
                remove(inner, path);
            }
        }
        Value::Array(items) if key == "*" => {
            for item in items {
                remove(item, &mut path.clone());
            }
        }
        _ => {}
    }
}

/// The error of an id that nobody knows; `what` it would be, in the words of the vendor.
pub fn not_found(what: &str, id: &str) -> Error {
    in_words_of_the_vendor(missing(what, id), None)
}

/// The same, of a field of the request.
pub(in crate::openai) fn not_found_at(what: &str, id: &str, param: &str) -> Error {
    in_words_of_the_vendor(missing(what, id).at(param), None)
}

fn missing(what: &str, id: &str) -> Error {
    Error::new(
        ErrorCode::NotFound,
        format!("{what} with id '{id}' not found."),
    )
}

/// The error of a `previous_response_id` that nobody knows: clients start anew when they see its code.
pub fn previous_not_found(id: &str) -> Error {
    let message = format!("Previous response with id '{id}' not found.");
    let error = Error::bad_request(message).at("previous_response_id");
    in_words_of_the_vendor(error, Some("previous_response_not_found"))
}

/// The error of going on from what is not over.
pub(super) fn previous_not_over(id: &str) -> Error {
    at(
        "previous_response_id",
        format_args!("is '{id}', which is not complete yet: wait for it"),
    )
}

/// The error of cancelling what does not run in the background.
pub fn not_cancellable() -> Error {
    Error::bad_request("Cannot cancel a synchronous response.")
}

/// SDKs and agents look at these errors' code.
pub(in crate::openai) fn in_words_of_the_vendor(error: Error, code: Option<&str>) -> Error {
    let body = json!({ "error": {
        "message": error.message,
        "type": "invalid_request_error",
        "param": error.param,
        "code": code,
    } });
    Error {
        upstream: Some(UpstreamError {
            status: error.status(),
            body: body.to_string(),
        }),
        ..error
    }
}
