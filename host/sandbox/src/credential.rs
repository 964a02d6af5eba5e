//! A secret that the host attaches to a plugin's requests, and where it may go.

use anyhow::Context;
use reqwest::header::{AUTHORIZATION, HeaderMap, HeaderName, HeaderValue};
use types::Error;
use types::config::{AttachAs, Origin, SecretGrant};
use url::Url;
use zeroize::Zeroizing;

use crate::egress::refused;
use crate::scrub::Masks;

/// A secret's value, and where it may go.
pub(crate) struct Credential {
    name: String,
    value: Zeroizing<String>,
    attach: Attach,
    to: Vec<Origin>,
}

/// Where it is put.
enum Attach {
    /// Into this field, behind these words.
    Field(HeaderName, &'static str),
    /// Into this parameter of the query.
    Query(String),
}

impl Credential {
    /// The secret as it was granted; what it must not tell is added to `masks`.
    pub(crate) fn new(
        name: &str,
        granted: &SecretGrant,
        value: Zeroizing<String>,
        masks: &mut Masks,
    ) -> anyhow::Result<Self> {
        anyhow::ensure!(
            HeaderValue::from_str(&value).is_ok(),
            "secret {name:?} has characters that no header field may have"
        );
        masks
            .add(&value)
            .with_context(|| format!("secret {name:?}"))?;
        let attach = match &granted.attach {
            AttachAs::Bearer => Attach::Field(AUTHORIZATION, "Bearer "),
            AttachAs::Header(field) => {
                let field = HeaderName::from_bytes(field.as_bytes())
                    .with_context(|| format!("secret {name:?}: {field:?} is no header name"))?;
                Attach::Field(field, "")
            }
            AttachAs::Query(parameter) => Attach::Query(parameter.clone()),
        };
        Ok(Self {
            name: name.into(),
            value,
            attach,
            to: granted.to.clone(),
        })
    }

    /// Puts it where it belongs, if it may go there.
    pub(crate) fn attach(&self, url: &mut Url, headers: &mut HeaderMap) -> Result<(), Error> {
        let name = &self.name;
        if !self.to.iter().any(|origin| origin.holds(url)) {
            return Err(refused(format!(
                "the secret {name:?} is not bound to {}",
                url.origin().ascii_serialization()
            )));
        }
        match &self.attach {
            Attach::Field(field, words) => {
                let value = Zeroizing::new(format!("{words}{}", *self.value));
                let mut value = HeaderValue::from_str(&value)
                    .map_err(|_| refused(format!("the secret {name:?} fits no header field")))?;
                value.set_sensitive(true);
                headers.insert(field.clone(), value);
            }
            Attach::Query(parameter) => {
                url.query_pairs_mut().append_pair(parameter, &self.value);
            }
        }
        Ok(())
    }
}
