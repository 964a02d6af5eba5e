//! The one way out of a sandbox. What it defends against:
//! - a request that no rule of the grant allows, judged on the parsed URL that is really sent;
//! - a name that resolves to a private address: every address is checked, and the connection goes to a checked one;
//! - an address literal, for which the HTTP client never asks the resolver;
//! - redirects (they are answers) and proxies from the environment (none are used);
//! - header fields by which a component could name another host, frame the body or bring its own credential;
//! - credentials towards origins that they aren't bound to. A credential never enters the sandbox;
//! - more of the network than the plugin's limits give it;
//! - answers that repeat a credential: it is masked in them, and one in which it couldn't be is refused.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use futures::StreamExt;
use reqwest::header::{CONTENT_ENCODING, HeaderMap, TRANSFER_ENCODING};
use tokio::runtime::Handle;
use tokio_util::task::AbortOnDropHandle;
use types::config::{EgressRule, Grant, Limits};
use types::{Error, ErrorCode};
use url::Url;
use zeroize::Zeroizing;

use crate::address::{CheckedResolver, RefusedAddress};
use crate::body::Body;
use crate::credential::Credential;
use crate::logs::printable;
use crate::outgoing::{FIELDS, FIELDS_SIZE, Outgoing};
use crate::quota::Quota;
use crate::scrub::{self, Guesses, Masks};
use crate::vendor::Vendor;
use crate::witness::Limited;

/// A name that doesn't connect in this time won't.
const CONNECT: Duration = Duration::from_secs(10);

/// Most bytes of what is told about a broken connection.
const SAID: usize = 300;

/// The answer to a component's request.
#[expect(unreachable_pub, reason = "bindgen! re-exports it")]
pub struct Response {
    pub(crate) status: u16,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Option<Body>,
}

/// Values of secrets, by the names that the plugin uses.
pub type Secrets = BTreeMap<String, Zeroizing<String>>;

/// A plugin's gate to the network. Its connections are its own: no plugin gets another's from a pool.
pub(crate) struct Egress {
    pub(crate) rules: Vec<EgressRule>,
    pub(crate) allow_private: bool,
    pub(crate) credentials: BTreeMap<String, Credential>,
    /// Of all its secrets.
    masks: Arc<Masks>,
    guesses: Arc<Guesses>,
    pub(crate) quota: Quota,
    client: reqwest::Client,
    /// Answers in place of the network.
    vendor: Option<Arc<dyn Vendor>>,
    io: Handle,
}

impl Egress {
    /// `secrets` has a value for each secret of the grant.
    pub(crate) fn new(
        grant: &Grant,
        limits: &Limits,
        secrets: &Secrets,
        told: Limited,
        io: Handle,
    ) -> anyhow::Result<Self> {
        let mut credentials = BTreeMap::new();
        let mut masks = Masks::default();
        for (name, granted) in &grant.secrets {
            let value = secrets
                .get(name)
                .cloned()
                .with_context(|| format!("secret {name:?} has no value"))?;
            let credential = Credential::new(name, granted, value)?;
            masks.extend(&credential.masks);
            credentials.insert(name.clone(), credential);
        }
        // A literal in a rule admits that address only, and `send` compares it with the rule itself.
        let client = reqwest::Client::builder()
            .dns_resolver(Arc::new(CheckedResolver::new(grant.allow_private)))
            .redirect(reqwest::redirect::Policy::none())
            .no_proxy()
            .referer(false)
            .tcp_nodelay(true)
            .connect_timeout(CONNECT)
            .build()?;
        Ok(Self {
            rules: grant.egress.clone(),
            allow_private: grant.allow_private,
            credentials,
            masks: Arc::new(masks),
            guesses: Arc::default(),
            quota: Quota::new(limits, told),
            client,
            vendor: None,
            io,
        })
    }

    /// The same, with somebody else at its end.
    pub(crate) fn with_vendor(mut self, vendor: Option<Arc<dyn Vendor>>) -> Self {
        self.vendor = vendor;
        self
    }

    pub(crate) async fn send(&self, out: Outgoing) -> Result<Response, Error> {
        let checked = self.check(&out)?;
        // Only who may have been sent a secret can tell it. Masking it in others' answers would only tell whoever chooses what they
        // say whether they guessed it.
        let mut masks = Masks::default();
        self.bound(checked.url())
            .for_each(|credential| masks.extend(&credential.masks));
        let masks = Arc::new(masks);
        if !masks.is_empty() {
            self.guesses.check()?;
        }
        let place = self.quota.place()?;
        let (request, held) = self.fill(checked, out.payload).await?;
        let host = request.url().host_str().unwrap_or_default().to_owned();
        let (client, vendor) = (self.client.clone(), self.vendor.clone());
        let (to, all) = (host.clone(), self.masks.clone());
        // On the I/O runtime, so that a busy guest can't starve the connection; dropped, it is aborted.
        let sent = AbortOnDropHandle::new(self.io.spawn(async move {
            match vendor {
                Some(vendor) => Ok(vendor.answer(request).await?.into()),
                None => client
                    .execute(request)
                    .await
                    .map_err(|e| failed(&to, &all, &e)),
            }
        }));
        let response: reqwest::Response = sent.await.map_err(|e| {
            let message = format!("the request to {host} was not run: {e}");
            Error::new(ErrorCode::Internal, message)
        })??;
        drop(held);
        let status = response.status().as_u16();
        let fields = response.headers();
        let size: usize = fields.iter().map(|(n, v)| n.as_str().len() + v.len()).sum();
        if fields.len() > FIELDS || size > FIELDS_SIZE {
            let message = format!(
                "{host} answered with more than {FIELDS} header fields or {FIELDS_SIZE} bytes of them"
            );
            return Err(Error::new(ErrorCode::Upstream, message));
        }
        if !masks.is_empty() {
            readable(&host, fields)?;
        }
        let headers = fields
            .iter()
            .filter_map(|(name, value)| {
                let value = masks.mask(value.to_str().ok()?).into_owned();
                Some((name.as_str().to_owned(), value))
            })
            .collect();
        let all = self.masks.clone();
        let stream = response
            .bytes_stream()
            .map(move |piece| piece.map_err(|e| failed(&host, &all, &e)))
            .boxed();
        let body = self.quota.incoming(stream, place);
        let body = scrub::stream(&masks, &self.guesses, body);
        Ok(Response {
            status,
            headers,
            body: Some(Body::from_stream(body)),
        })
    }

    /// The credentials that may go where this URL leads.
    pub(crate) fn bound(&self, url: &Url) -> impl Iterator<Item = &Credential> {
        let all = self.credentials.values();
        all.filter(move |credential| credential.may_go_to(url))
    }

    /// Does a rule allow it?
    pub(crate) fn allows(&self, method: &str, url: &Url) -> bool {
        self.rules.iter().any(|rule| rule.allows(method, url))
    }

    /// Names of the credentials that go with every request to where this URL leads.
    pub(crate) fn auto(&self, url: &Url) -> impl Iterator<Item = &str> {
        let all = self.credentials.iter();
        all.filter(move |(_, credential)| credential.is_for(url))
            .map(|(name, _)| name.as_str())
    }

    /// What must not be seen in what the plugin says.
    pub(crate) fn masks(&self) -> &Arc<Masks> {
        &self.masks
    }
}

pub(crate) fn refused(message: impl Into<String>) -> Error {
    Error::new(ErrorCode::RefusedByPolicy, message)
}

/// Secrets can be masked in text only.
fn readable(host: &str, headers: &HeaderMap) -> Result<(), Error> {
    for (field, plain) in [
        (CONTENT_ENCODING, "identity"),
        (TRANSFER_ENCODING, "chunked"),
    ] {
        for value in headers.get_all(&field) {
            if !value.as_bytes().eq_ignore_ascii_case(plain.as_bytes()) {
                return Err(refused(format!(
                    "{host} answered with {field}: {}, though it was asked not to: in an encoded answer the plugin's secrets can't be masked, so it is not handed on",
                    value.to_str().unwrap_or("(not text)")
                )));
            }
        }
    }
    Ok(())
}

/// What a failed request is to a component. The URL is left out: it may hold a credential.
fn failed(host: &str, masks: &Masks, error: &reqwest::Error) -> Error {
    let mut cause: Option<&dyn std::error::Error> = std::error::Error::source(error);
    let mut last = String::new();
    while let Some(inner) = cause {
        if inner.downcast_ref::<RefusedAddress>().is_some() {
            return refused(format!("{host}: {inner}"));
        }
        // Of the request's own body.
        if let Some(ours) = inner.downcast_ref::<Error>() {
            return ours.clone();
        }
        // It may have the server's own words, up to their length.
        last = inner.to_string();
        cause = inner.source();
    }
    if error.is_timeout() {
        return Error::new(
            ErrorCode::TimedOut,
            format!("{host} did not answer in time"),
        );
    }
    let what = if error.is_connect() {
        "could not be reached"
    } else {
        "broke the connection"
    };
    let mut last = printable(&masks.mask(&last)).into_owned();
    last.truncate(last.floor_char_boundary(SAID));
    Error::new(ErrorCode::Upstream, format!("{host} {what}: {last}"))
}
