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
use reqwest::header::{
    ACCEPT_ENCODING, CONTENT_ENCODING, CONTENT_LENGTH, HeaderMap, HeaderName, HeaderValue, RANGE,
    TRANSFER_ENCODING,
};
use tokio::runtime::Handle;
use tokio_util::task::AbortOnDropHandle;
use types::config::{EgressRule, Grant, Limits};
use types::{Error, ErrorCode};
use url::Url;
use zeroize::Zeroizing;

use crate::address::{self, CheckedResolver, RefusedAddress};
use crate::body::Body;
use crate::credential::Credential;
use crate::quota::Quota;
use crate::scrub::{self, Masks};
use crate::witness::Limited;

/// A name that doesn't connect in this time won't.
const CONNECT: Duration = Duration::from_secs(10);

/// Most header fields of a request, and most bytes of them: servers refuse less.
const FIELDS: usize = 256;
const FIELDS_SIZE: usize = 64 * 1024;

/// The answer to a component's request.
#[expect(unreachable_pub, reason = "bindgen! re-exports it")]
pub struct Response {
    pub(crate) status: u16,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Option<Body>,
}

/// Values of secrets, by the names that the plugin uses.
pub type Secrets = BTreeMap<String, Zeroizing<String>>;

/// What a component wants to send.
pub(crate) struct Outgoing {
    pub(crate) method: String,
    pub(crate) url: String,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) payload: Option<Body>,
    /// Of the payload, where it is known before it is here.
    pub(crate) length: Option<u64>,
    pub(crate) attach: Attach,
}

/// Which credentials go with a request.
pub(crate) enum Attach {
    None,
    /// The secret of this name.
    Named(String),
    /// Those that go with every request to its origin.
    Auto,
}

/// A plugin's gate to the network. Its connections are its own: no plugin gets another's from a pool.
pub(crate) struct Egress {
    rules: Vec<EgressRule>,
    allow_private: bool,
    credentials: BTreeMap<String, Credential>,
    masks: Arc<Masks>,
    quota: Quota,
    client: reqwest::Client,
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
            let credential = Credential::new(name, granted, value, &mut masks)?;
            credentials.insert(name.clone(), credential);
        }
        // A literal in a rule admits that address only, and `send` compares it with the rule itself.
        let client = reqwest::Client::builder()
            .dns_resolver(Arc::new(CheckedResolver {
                allow_private: grant.allow_private,
            }))
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
            quota: Quota::new(limits, told),
            client,
            io,
        })
    }

    pub(crate) async fn send(&self, out: Outgoing) -> Result<Response, Error> {
        let request = self.prepare(out).await?;
        let place = self.quota.place()?;
        let host = request.url().host_str().unwrap_or_default().to_owned();
        let client = self.client.clone();
        // On the I/O runtime, so that a busy guest can't starve the connection; dropped, it is aborted.
        let sent =
            AbortOnDropHandle::new(self.io.spawn(async move { client.execute(request).await }));
        let response = sent
            .await
            .map_err(|e| {
                Error::new(
                    ErrorCode::Internal,
                    format!("the request to {host} was not run: {e}"),
                )
            })?
            .map_err(|e| failed(&host, &e))?;
        let status = response.status().as_u16();
        if !self.masks.is_empty() {
            readable(&host, response.headers())?;
        }
        let headers = response
            .headers()
            .iter()
            .filter_map(|(name, value)| {
                let value = self.masks.mask(value.to_str().ok()?).into_owned();
                Some((name.as_str().to_owned(), value))
            })
            .collect();
        let stream = response
            .bytes_stream()
            .map(move |piece| piece.map_err(|e| failed(&host, &e)))
            .boxed();
        let body = scrub::stream(&self.masks, self.quota.incoming(stream, place));
        Ok(Response {
            status,
            headers,
            body: Some(Body::from_stream(body)),
        })
    }

    /// What must not be seen in what the plugin says.
    pub(crate) fn masks(&self) -> &Arc<Masks> {
        &self.masks
    }

    /// Checks what a component wants to send and makes it what is sent.
    async fn prepare(&self, out: Outgoing) -> Result<reqwest::Request, Error> {
        let mut url =
            Url::parse(&out.url).map_err(|e| refused(format!("{:?} is no URL: {e}", out.url)))?;
        if !url.username().is_empty() || url.password().is_some() {
            return Err(refused(
                "credentials in a URL are not sent; name a credential instead",
            ));
        }
        url.set_fragment(None);
        let method = reqwest::Method::from_bytes(out.method.as_bytes())
            .map_err(|_| refused(format!("{:?} is no method", out.method)))?;
        let rule = self
            .rules
            .iter()
            .find(|rule| rule.allows(method.as_str(), &url))
            .ok_or_else(|| {
                let mut shown = url.clone();
                shown.set_query(None);
                refused(format!("no egress rule allows {method} {shown}"))
            })?;
        if let Some(ip) = address::literal(&url)
            && !rule.names_address()
            && !self.allow_private
            && address::is_private(ip)
        {
            return Err(refused(format!("{ip} is a private address")));
        }
        let size: usize = out.headers.iter().map(|(n, v)| n.len() + v.len()).sum();
        if out.headers.len() > FIELDS || size > FIELDS_SIZE {
            return Err(refused(format!(
                "a request has at most {FIELDS} header fields of {FIELDS_SIZE} bytes together"
            )));
        }
        let mut headers = HeaderMap::with_capacity(out.headers.len() + 2);
        for (name, value) in &out.headers {
            let field = HeaderName::from_bytes(name.as_bytes())
                .map_err(|_| refused(format!("{name:?} is no header name")))?;
            if RESERVED.contains(&field.as_str()) {
                return Err(refused(format!("the header field {field} is the host's")));
            }
            let value = HeaderValue::from_str(value).map_err(|_| {
                refused(format!(
                    "the value of {field} has characters that no header field may have"
                ))
            })?;
            headers.append(field, value);
        }
        // A compressed answer could not be read by the host, and in a part of one a value's beginning or end is missing.
        headers.insert(ACCEPT_ENCODING, HeaderValue::from_static("identity"));
        if !self.masks.is_empty() {
            headers.remove(RANGE);
        }
        if let Some(length) = out.length {
            self.quota.admits(length)?;
            headers.insert(CONTENT_LENGTH, length.into());
        }
        let mut attached: Vec<&Credential> = match &out.attach {
            Attach::None => Vec::new(),
            Attach::Named(name) => {
                let granted = self.credentials.get(name);
                vec![granted.ok_or_else(|| refused(format!("no secret {name:?} is granted")))?]
            }
            Attach::Auto => {
                let granted = self.credentials.values();
                granted
                    .filter(|credential| credential.is_for(&url))
                    .collect()
            }
        };
        // A signature is over all that the others add.
        attached.sort_by_key(|credential| credential.signs());
        let mut payload = out.payload;
        if attached.last().is_some_and(|last| last.signs())
            && let Some(body) = payload
        {
            payload = Some(self.quota.whole(body).await?);
        }
        let mut request = reqwest::Request::new(method, url);
        *request.headers_mut() = headers;
        let body = payload.map(|body| self.quota.outgoing(body));
        *request.body_mut() = body.transpose()?;
        for credential in attached {
            credential.attach(&mut request)?;
        }
        Ok(request)
    }
}

/// Fields by which a component could name another host, frame the body, or bring a credential.
const RESERVED: &[&str] = &[
    "authorization",
    "connection",
    "content-length",
    "cookie",
    "expect",
    "host",
    "keep-alive",
    "proxy-authorization",
    "proxy-connection",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
];

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
fn failed(host: &str, error: &reqwest::Error) -> Error {
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
    Error::new(ErrorCode::Upstream, format!("{host} {what}: {last}"))
}
