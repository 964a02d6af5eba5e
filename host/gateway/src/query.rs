//! The query of a request.

use types::Error;
use url::form_urlencoded;

/// The parameters of a query.
pub(crate) struct Query(Vec<(String, String)>);

impl Query {
    pub(crate) fn new(query: Option<String>) -> Self {
        let query = query.unwrap_or_default();
        Self(
            form_urlencoded::parse(query.as_bytes())
                .into_owned()
                .collect(),
        )
    }

    /// All of it.
    pub(crate) fn pairs(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0
            .iter()
            .map(|(key, value)| (key.as_str(), value.as_str()))
    }

    pub(crate) fn one(&self, name: &str) -> Option<&str> {
        let found = self.0.iter().find(|(key, _)| key == name);
        found.map(|(_, value)| value.as_str())
    }

    /// What is there several times, in either way in which SDKs write that.
    pub(crate) fn include(&self) -> Vec<String> {
        let found = self
            .0
            .iter()
            .filter(|(key, _)| key == "include" || key == "include[]");
        found.map(|(_, value)| value.clone()).collect()
    }

    pub(crate) fn boolean(&self, name: &str) -> Result<Option<bool>, Error> {
        match self.one(name) {
            None => Ok(None),
            Some("true") => Ok(Some(true)),
            Some("false") => Ok(Some(false)),
            Some(_) => Err(wrong(name, "must be true or false")),
        }
    }

    pub(crate) fn number(&self, name: &str) -> Result<Option<u64>, Error> {
        self.one(name)
            .map(|text| text.parse().map_err(|_| wrong(name, "must be a number")))
            .transpose()
    }

    pub(crate) fn ascending(&self) -> Result<bool, Error> {
        match self.one("order") {
            None | Some("desc") => Ok(false),
            Some("asc") => Ok(true),
            Some(_) => Err(wrong("order", "must be asc or desc")),
        }
    }
}

fn wrong(name: &str, what: &str) -> Error {
    Error::bad_request(format!("`{name}` {what}")).at(name)
}
