//! Pages of lists, as the SDKs' cursors go through them.

use serde_json::{Value, json};
use types::Error;

use crate::field::at;

/// Most things of a page, and how many there are if nobody says.
pub(super) const SIZE: (usize, usize) = (100, 20);

/// How many things a page shall have.
pub(super) fn limit(asked: Option<usize>) -> Result<usize, Error> {
    let (most, usual) = SIZE;
    let limit = asked.unwrap_or(usual);
    match (1..=most).contains(&limit) {
        true => Ok(limit),
        false => Err(at("limit", format_args!("must be from 1 to {most}"))),
    }
}

/// The page of `all`, oldest first, that is asked for; `missing` is the error of an `after` that isn't there.
pub(super) fn cut(
    mut all: Vec<Value>,
    ascending: bool,
    after: Option<&str>,
    limit: usize,
    missing: impl FnOnce(&str) -> Error,
) -> Result<Value, Error> {
    if !ascending {
        all.reverse();
    }
    if let Some(after) = after {
        let place = all.iter().position(|it| it["id"] == *after);
        all.drain(..=place.ok_or_else(|| missing(after))?);
    }
    let has_more = all.len() > limit;
    all.truncate(limit);
    Ok(list(all, has_more))
}

/// A page.
pub(super) fn list(data: Vec<Value>, has_more: bool) -> Value {
    let id = |it: Option<&Value>| it.map_or(Value::Null, |it| it["id"].clone());
    let (first, last) = (id(data.first()), id(data.last()));
    json!({
        "object": "list",
        "data": data,
        "first_id": first,
        "last_id": last,
        "has_more": has_more,
    })
}
