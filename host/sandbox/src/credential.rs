//! A secret that the host attaches to a plugin's requests, and where it may go.

use std::time::SystemTime;

use anyhow::Context;
use reqwest::Request;
use reqwest::header::{AUTHORIZATION, HeaderName, HeaderValue};
use types::Error;
use types::config::{AttachAs, Origin, SecretGrant};
use url::Url;
use zeroize::Zeroizing;

use crate::egress::refused;
use crate::scrub::Masks;
use crate::sigv4::Signer;

/// A secret's value, and where it may go.
pub(crate) struct Credential {
    name: String,
    place: Place,
    to: Vec<Origin>,
    auto: bool,
    /// What it must not tell.
    pub(crate) masks: Masks,
}

/// Where it is put.
enum Place {
    /// Into this field.
    Field(HeaderName, Zeroizing<String>),
    /// Into this parameter of the query.
    Query(String, Zeroizing<String>),
    /// Nowhere: it signs the request.
    Signature(Signer),
}

impl Credential {
    /// The secret as it was granted.
    pub(crate) fn new(
        name: &str,
        granted: &SecretGrant,
        value: Zeroizing<String>,
    ) -> anyhow::Result<Self> {
        let named = || format!("secret {name:?}");
        let mut masks = Masks::default();
        let mut plain = |words: &str| {
            masks.add(&value).with_context(named)?;
            let value = Zeroizing::new(format!("{words}{}", *value));
            anyhow::ensure!(
                HeaderValue::from_str(&value).is_ok(),
                "secret {name:?} has characters that no header field may have"
            );
            Ok(value)
        };
        let place = match &granted.attach {
            AttachAs::Bearer => Place::Field(AUTHORIZATION, plain("Bearer ")?),
            AttachAs::Header(field) => {
                let name = HeaderName::from_bytes(field.as_bytes());
                let name =
                    name.with_context(|| format!("{}: {field:?} is no header name", named()))?;
                Place::Field(name, plain("")?)
            }
            AttachAs::Query(parameter) => {
                masks.add(&value).with_context(named)?;
                Place::Query(parameter.clone(), value)
            }
            AttachAs::AwsSigv4 { region, service } => {
                let signer = Signer::new(&value, region, service, &mut masks);
                Place::Signature(signer.with_context(named)?)
            }
        };
        Ok(Self {
            name: name.into(),
            place,
            to: granted.to.clone(),
            auto: granted.auto,
            masks,
        })
    }

    /// It signs the whole of a request, so that must be here first.
    pub(crate) fn signs(&self) -> bool {
        matches!(self.place, Place::Signature(_))
    }

    /// It belongs to every request of this kind, unasked.
    pub(crate) fn is_for(&self, url: &Url) -> bool {
        self.auto && self.may_go_to(url)
    }

    /// It is put into this field.
    pub(crate) fn is_field(&self, name: &HeaderName) -> bool {
        matches!(&self.place, Place::Field(field, _) if field == name)
    }

    /// A parameter of this query has the name that it is put under.
    pub(crate) fn is_in_query(&self, url: &Url) -> bool {
        match &self.place {
            Place::Query(parameter, _) => url.query_pairs().any(|(name, _)| name == *parameter),
            _ => false,
        }
    }

    /// It may be sent where this URL leads.
    pub(crate) fn may_go_to(&self, url: &Url) -> bool {
        self.to.iter().any(|origin| origin.holds(url))
    }

    /// Puts it where it belongs, if it may go there.
    pub(crate) fn attach(&self, request: &mut Request) -> Result<(), Error> {
        if !self.may_go_to(request.url()) {
            return Err(refused(format!(
                "the secret {:?} is not bound to {}",
                self.name,
                request.url().origin().ascii_serialization()
            )));
        }
        match &self.place {
            Place::Field(field, value) => {
                let value = HeaderValue::from_str(value);
                let mut value = value.map_err(|_| {
                    refused(format!("the secret {:?} fits no header field", self.name))
                })?;
                value.set_sensitive(true);
                request.headers_mut().insert(field.clone(), value);
            }
            Place::Query(parameter, value) => {
                let url = request.url_mut();
                url.query_pairs_mut().append_pair(parameter, value);
            }
            Place::Signature(signer) => signer.sign(request, SystemTime::now())?,
        }
        Ok(())
    }
}
