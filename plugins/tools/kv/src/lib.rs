//! Texts by key, in namespaces that the operator granted.

use evenhand_sdk::types::ErrorCode;
use evenhand_sdk::{Call, Error, Failure, Json, Tool, kv};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Most keys of one page, as the contract has it.
const PAGE: u32 = 1000;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Config {
    /// Where a call names none.
    namespace: Option<String>,
}

/// The namespace that a call means.
fn namespace(named: Option<String>) -> Result<String, Failure> {
    let config: Config = evenhand_sdk::config()?;
    choose(named, config.namespace)
}

fn choose(named: Option<String>, default: Option<String>) -> Result<String, Failure> {
    let missing = || Failure::correct("name a `namespace`: there is no default");
    named.or(default).ok_or_else(missing)
}

fn readable() -> Result<bool, Error> {
    evenhand_sdk::config::<Config>().map(|_| true)
}

/// What is wrong with a key, a value or a namespace is the model's to correct.
fn told(error: Error) -> Failure {
    match error.code {
        ErrorCode::BadRequest | ErrorCode::TooLarge | ErrorCode::RefusedByPolicy => {
            Failure::Correctable(error.message)
        }
        _ => Failure::Error(error),
    }
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Key {
    /// Absent: the default.
    namespace: Option<String>,
    /// At most 256 bytes.
    key: String,
}

#[derive(Debug, PartialEq, Serialize, JsonSchema)]
struct Value {
    /// It is there.
    found: bool,
    /// What was set.
    value: Option<String>,
}

struct Get;

impl Tool for Get {
    const NAME: &'static str = "get";
    const TITLE: Option<&'static str> = Some("Read a key");
    const DESCRIPTION: &'static str = "The value of a key.";
    const READ_ONLY: bool = true;
    const OPEN_WORLD: bool = false;
    type Arguments = Key;
    type Output = Json<Value>;

    fn offered() -> Result<bool, Error> {
        readable()
    }

    fn call(of: Key, _: &Call) -> Result<Json<Value>, Failure> {
        let namespace = namespace(of.namespace)?;
        let value = kv::get(&namespace, &of.key).map_err(told)?;
        text(&of.key, value).map(Json)
    }
}

/// Values that others set may be no text.
fn text(key: &str, value: Option<Vec<u8>>) -> Result<Value, Failure> {
    let text = value.map(String::from_utf8).transpose();
    let value = text.map_err(|_| Failure::correct(format!("the value of `{key}` is no text")))?;
    Ok(Value {
        found: value.is_some(),
        value,
    })
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct KeyAndValue {
    /// Absent: the default.
    namespace: Option<String>,
    /// At most 256 bytes.
    key: String,
    /// At most 64 KiB.
    value: String,
}

struct Set;

impl Tool for Set {
    const NAME: &'static str = "set";
    const TITLE: Option<&'static str> = Some("Set a key");
    const DESCRIPTION: &'static str =
        "Sets a key to a value, which is kept. A value that was there before is replaced.";
    const IDEMPOTENT: bool = true;
    const OPEN_WORLD: bool = false;
    type Arguments = KeyAndValue;
    type Output = String;

    fn offered() -> Result<bool, Error> {
        readable()
    }

    fn call(of: KeyAndValue, _: &Call) -> Result<String, Failure> {
        let namespace = namespace(of.namespace)?;
        kv::set(&namespace, &of.key, of.value.as_bytes()).map_err(told)?;
        Ok(format!("`{}` is set", of.key))
    }
}

#[derive(Serialize, JsonSchema)]
struct Deleted {
    /// It was there.
    deleted: bool,
}

struct Delete;

impl Tool for Delete {
    const NAME: &'static str = "delete";
    const TITLE: Option<&'static str> = Some("Delete a key");
    const DESCRIPTION: &'static str = "Removes a key and its value.";
    const IDEMPOTENT: bool = true;
    const OPEN_WORLD: bool = false;
    type Arguments = Key;
    type Output = Json<Deleted>;

    fn offered() -> Result<bool, Error> {
        readable()
    }

    fn call(of: Key, _: &Call) -> Result<Json<Deleted>, Failure> {
        let namespace = namespace(of.namespace)?;
        let deleted = kv::delete(&namespace, &of.key).map_err(told)?;
        Ok(Json(Deleted { deleted }))
    }
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Which {
    /// Absent: the default.
    namespace: Option<String>,
    /// Keys that begin so; absent: all.
    prefix: Option<String>,
    /// Keys after this one: `next` of the page before.
    after: Option<String>,
    /// Most keys; absent: 1000, which is the most.
    #[schemars(range(min = 1, max = 1000))]
    limit: Option<u32>,
}

#[derive(Debug, PartialEq, Serialize, JsonSchema)]
struct Page {
    /// In the order of their bytes.
    keys: Vec<String>,
    /// There may be more: give this as `after`.
    next: Option<String>,
}

struct List;

impl Tool for List {
    const NAME: &'static str = "list";
    const TITLE: Option<&'static str> = Some("List keys");
    const DESCRIPTION: &'static str = "The keys of a namespace, in order, in pages.";
    const READ_ONLY: bool = true;
    const OPEN_WORLD: bool = false;
    type Arguments = Which;
    type Output = Json<Page>;

    fn offered() -> Result<bool, Error> {
        readable()
    }

    fn call(which: Which, _: &Call) -> Result<Json<Page>, Failure> {
        let namespace = namespace(which.namespace)?;
        let limit = which.limit.unwrap_or(PAGE).clamp(1, PAGE);
        let prefix = which.prefix.unwrap_or_default();
        let keys = kv::keys(&namespace, &prefix, which.after.as_deref(), limit).map_err(told)?;
        Ok(Json(page(keys, limit)))
    }
}

/// A full page may have another after it.
fn page(keys: Vec<String>, limit: u32) -> Page {
    let full = keys.len() >= limit as usize;
    let next = keys.last().filter(|_| full).cloned();
    Page { keys, next }
}

evenhand_sdk::export_tools!((Get, Set, Delete, List));

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_call_names_its_namespace_or_gets_the_default() {
        let some = |name: &str| Some(name.to_owned());
        assert_eq!(choose(some("a"), some("b")), Ok("a".into()));
        assert_eq!(choose(None, some("b")), Ok("b".into()));
        let failed = choose(None, None);
        assert!(matches!(failed, Err(Failure::Correctable(_))));
    }

    #[test]
    fn a_value_is_text_or_not_there() {
        let value = |bytes: Option<&[u8]>| text("k", bytes.map(Vec::from));
        let there = |found, value: Option<&str>| {
            let value = value.map(Into::into);
            Ok(Value { found, value })
        };
        assert_eq!(value(Some(b"x")), there(true, Some("x")));
        assert_eq!(value(None), there(false, None));
        assert!(matches!(value(Some(b"\xff")), Err(Failure::Correctable(_))));
    }

    #[test]
    fn only_a_full_page_has_a_next_one() {
        let keys = |count: usize| (0..count).map(|n| n.to_string()).collect::<Vec<_>>();
        assert_eq!(page(keys(2), 3).next, None);
        assert_eq!(page(keys(3), 3).next.as_deref(), Some("2"));
        assert_eq!(page(keys(0), 3).next, None);
    }

    #[test]
    fn what_the_grant_refuses_is_told_and_what_broke_is_an_error() {
        let refused = Error::new(ErrorCode::RefusedByPolicy, "no");
        assert_eq!(told(refused), Failure::Correctable("no".into()));
        let broken = Error::internal("broken");
        assert_eq!(told(broken.clone()), Failure::Error(broken));
    }
}
