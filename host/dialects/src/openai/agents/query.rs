//! What a list's query asks for.

use std::collections::BTreeMap;

use serde_json::Value;
use types::Error;

use crate::{
    field::at,
    openai::{page, responses},
};

/// Which things of a list are asked for.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Listing {
    /// Oldest first; else newest first.
    pub ascending: bool,
    /// Those behind this one, in that order.
    pub after: Option<String>,
    /// Most of them, 1 to 100.
    pub limit: usize,
    /// Sessions of this agent only.
    pub agent: Option<String>,
    /// Sessions that have these only.
    pub metadata: BTreeMap<String, String>,
}

impl Listing {
    /// Reads a query's pairs, decoded. What only sessions can be chosen by is refused of other lists, by `sessions`.
    ///
    /// # Errors
    /// What is wrong, and where.
    pub fn read<'a>(
        pairs: impl IntoIterator<Item = (&'a str, &'a str)>,
        sessions: bool,
    ) -> Result<Self, Error> {
        let mut listing = Self {
            limit: page::limit(None)?,
            ..Self::default()
        };
        for (key, value) in pairs {
            let label = key
                .strip_prefix("metadata[")
                .and_then(|it| it.strip_suffix(']'));
            match (key, label) {
                ("after", _) => listing.after = Some(value.to_owned()),
                ("limit", _) => {
                    let limit = value.parse();
                    let limit = limit.map_err(|_| at("limit", "must be a whole number"))?;
                    listing.limit = page::limit(Some(limit))?;
                }
                ("order", _) => {
                    listing.ascending = match value {
                        "asc" => true,
                        "desc" => false,
                        _ => return Err(at("order", "must be `asc` or `desc`")),
                    }
                }
                ("agent_id", _) if sessions => listing.agent = Some(value.to_owned()),
                (_, Some(label)) if sessions => {
                    listing.metadata.insert(label.to_owned(), value.to_owned());
                }
                _ => return Err(at(key, "is not a parameter of this list")),
            }
        }
        Ok(listing)
    }

    /// The page of `all`, oldest first, that is asked for; each has an `id`.
    ///
    /// # Errors
    /// There is none with the id `after`.
    pub fn page(&self, all: Vec<Value>) -> Result<Value, Error> {
        let missing = |id: &str| responses::not_found_at("Item", id, "after");
        let after = self.after.as_deref();
        page::cut(all, self.ascending, after, self.limit, missing)
    }
}
