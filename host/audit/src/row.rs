//! A row, and the hash by which the next one holds on to it.

use serde::{Deserialize, Serialize};
use serde_json::Value;
use sha2::{Digest, Sha256};

use crate::event::{Event, Who};

/// What the first row has in place of a hash.
pub(crate) const FIRST: &str = "0000000000000000000000000000000000000000000000000000000000000000";

/// A row as it is written.
#[derive(Serialize)]
pub(crate) struct Row<'a> {
    /// From 1, without a gap.
    pub(crate) seq: u64,
    /// RFC 3339, UTC.
    pub(crate) time: &'a str,
    pub(crate) who: Who,
    #[serde(flatten)]
    pub(crate) event: &'a Event,
    /// The row counts so many more of what an earlier row told, in the minute from then on.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) more: Option<u64>,
    /// SHA-256 of the line before, without its newline.
    pub(crate) prev: &'a str,
}

/// A row as it is checked: a later version may record what this one doesn't know.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Found {
    pub(crate) seq: u64,
    #[serde(rename = "time")]
    _time: String,
    #[serde(rename = "who")]
    _who: String,
    pub(crate) what: String,
    pub(crate) details: Value,
    #[serde(default, rename = "more")]
    _more: Option<u64>,
    pub(crate) prev: String,
}

/// Of a line without its newline.
pub(crate) fn hash(line: &[u8]) -> String {
    hex::encode(Sha256::digest(line))
}
