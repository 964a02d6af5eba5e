//! What a component wants to send: judged, and made what is sent.

use bytes::Bytes;
use reqwest::header::{ACCEPT_ENCODING, CONTENT_LENGTH, HeaderMap, HeaderName, HeaderValue, RANGE};
use types::Error;
use url::Url;

use crate::address;
use crate::body::Body;
use crate::credential::Credential;
use crate::egress::{Egress, refused};
use crate::quota::Held;

/// Most bytes of a URL and of a method: more than servers take. What is longer isn't even read.
const URL: usize = 16 * 1024;
const METHOD: usize = 32;

/// Most header fields of a request or an answer, and most bytes of them: servers refuse less.
pub(crate) const FIELDS: usize = 256;
pub(crate) const FIELDS_SIZE: usize = 64 * 1024;

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

impl Outgoing {
    /// Method and origin. A path or query would make a new row of every request.
    pub(crate) fn target(&self) -> String {
        if let Err(error) = self.short() {
            return error.message;
        }
        match Url::parse(&self.url) {
            Ok(url) => format!("{} {}", self.method, url.origin().ascii_serialization()),
            Err(_) => format!("{} no URL", self.method),
        }
    }

    fn short(&self) -> Result<(), Error> {
        if self.url.len() > URL {
            return Err(refused(format!("a URL has at most {URL} bytes")));
        }
        if self.method.len() > METHOD {
            return Err(refused(format!("a method has at most {METHOD} bytes")));
        }
        Ok(())
    }
}

/// A request that may be sent: all of it but its body and its credentials.
pub(crate) struct Checked<'a> {
    request: reqwest::Request,
    /// Those that sign come last: a signature is over all that the others add.
    attached: Vec<&'a Credential>,
}

impl Checked<'_> {
    pub(crate) fn url(&self) -> &Url {
        self.request.url()
    }
}

impl Egress {
    /// Checks what a component wants to send.
    pub(crate) fn check(&self, out: &Outgoing) -> Result<Checked<'_>, Error> {
        out.short()?;
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
        let foreign = |field: &HeaderName| {
            RESERVED.contains(&field.as_str()) || field.as_str().starts_with("x-forwarded-")
        };
        let size: usize = out.headers.iter().map(|(n, v)| n.len() + v.len()).sum();
        if out.headers.len() > FIELDS || size > FIELDS_SIZE {
            return Err(refused(format!(
                "a request has at most {FIELDS} header fields of {FIELDS_SIZE} bytes together"
            )));
        }
        if self
            .bound(&url)
            .any(|credential| credential.is_in_query(&url))
        {
            return Err(refused(
                "a parameter of the query is a secret's: name the credential instead",
            ));
        }
        let mut headers = HeaderMap::with_capacity(out.headers.len() + 2);
        for (name, value) in &out.headers {
            let field = HeaderName::from_bytes(name.as_bytes())
                .map_err(|_| refused(format!("{name:?} is no header name")))?;
            if foreign(&field) {
                return Err(refused(format!("the header field {field} is the host's")));
            }
            if self
                .bound(&url)
                .any(|credential| credential.is_field(&field))
            {
                return Err(refused(format!(
                    "the header field {field} is a secret's: name the credential instead"
                )));
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
        if self.bound(&url).next().is_some() {
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
        attached.sort_by_key(|credential| credential.signs());
        let mut request = reqwest::Request::new(method, url);
        *request.headers_mut() = headers;
        Ok(Checked { request, attached })
    }

    /// Makes it whole. What is held meanwhile is the plugin's, until it is sent.
    pub(crate) async fn fill(
        &self,
        checked: Checked<'_>,
        payload: Option<Body>,
    ) -> Result<(reqwest::Request, Option<Held>), Error> {
        let Checked {
            mut request,
            attached,
        } = checked;
        let (mut payload, mut held) = (payload, None);
        if attached.last().is_some_and(|last| last.signs())
            && let Some(body) = payload
        {
            let (bytes, place): (Bytes, _) = self.quota.whole(body).await?;
            (payload, held) = (Some(Body::from_bytes(bytes)), Some(place));
        }
        let body = payload.map(|body| self.quota.outgoing(body));
        *request.body_mut() = body.transpose()?;
        for credential in attached {
            credential.attach(&mut request)?;
        }
        Ok((request, held))
    }
}

/// Fields by which a component could name another host, frame the body, bring a credential, or be taken for another method or path.
const RESERVED: &[&str] = &[
    "authorization",
    "connection",
    "content-length",
    "cookie",
    "expect",
    "forwarded",
    "host",
    "keep-alive",
    "proxy-authorization",
    "proxy-connection",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
    "x-http-method",
    "x-http-method-override",
    "x-method-override",
    "x-original-url",
    "x-rewrite-url",
];
