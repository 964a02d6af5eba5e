//! HTTP towards registries: what is read is bounded in size and time, whoever sends it.
//!
//! `oci-client` has a transport too. It reads manifests, tokens and errors without a bound, follows redirects of an upload with the
//! credentials, and panics at some answers (a token with a line break, no `Location`), none of which a caller can change. Here are
//! its types, and oci-wasm's, over requests of our own.

use std::time::Duration;

use reqwest::redirect::{Attempt, Policy};
use reqwest::{Client, Response};
use tokio::time::timeout;

use crate::error::chain;
use crate::{Reference, RegistryError};

/// The largest component that is pulled or pushed, in bytes.
pub const LARGEST_COMPONENT: u64 = 256 * 1024 * 1024;

/// The largest manifest, configuration or payload of a signature, in bytes.
pub(crate) const LARGEST_TEXT: u64 = 256 * 1024;

/// How much of an error's text is read and shown, in bytes.
const SHOWN: usize = 300;

/// How long a connection may take.
const CONNECT: Duration = Duration::from_secs(10);

/// How long a registry may say nothing.
const IDLE: Duration = Duration::from_secs(30);

/// How long all of a pull may take.
pub(crate) const WHOLE: Duration = Duration::from_secs(15 * 60);

/// The slowest upload that is waited for, in bytes a second.
const SLOWEST_UPLOAD: u64 = 32 * 1024;

/// Most redirects that are followed, to where a registry keeps its blobs.
const REDIRECTS: usize = 5;

/// Talks to OCI registries: HTTPS, and plain HTTP to those on this machine only. Whoever logged in with `docker login` is logged in.
#[derive(Debug, Clone)]
pub struct Registry {
    tls: Client,
    plain: Client,
    idle: Duration,
}

impl Registry {
    /// Ready to talk to any registry.
    ///
    /// # Errors
    /// The system's trusted certificates can't be read.
    pub fn new() -> Result<Self, RegistryError> {
        // Where the process has a provider already, that is the one.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let build = |builder: reqwest::ClientBuilder| {
            let builder = builder.connect_timeout(CONNECT).user_agent(AGENT);
            builder.build().map_err(|e| RegistryError::Client(chain(e)))
        };
        let to = |plain| Policy::custom(move |attempt| follow(attempt, plain));
        Ok(Self {
            tls: build(Client::builder().https_only(true).redirect(to(false)))?,
            // What is on this machine is reached through no proxy.
            plain: build(Client::builder().no_proxy().redirect(to(true)))?,
            idle: IDLE,
        })
    }

    /// The same, of which a registry may say nothing for no longer than this; otherwise 30 s.
    #[must_use]
    pub fn with_idle(self, idle: Duration) -> Self {
        Self { idle, ..self }
    }

    /// The client for a registry, and its scheme.
    pub(crate) fn client(&self, loopback: bool) -> (&Client, &'static str) {
        match loopback {
            true => (&self.plain, "http"),
            false => (&self.tls, "https"),
        }
    }
}

const AGENT: &str = concat!("evenhand/", env!("CARGO_PKG_VERSION"));

/// Redirects lead to HTTPS, or stay on this machine. What is found there must have the digest that was asked for.
fn follow(attempt: Attempt<'_>, plain: bool) -> reqwest::redirect::Action {
    let url = attempt.url();
    let local = plain && url.scheme() == "http" && is_local(url);
    if attempt.previous().len() > REDIRECTS {
        attempt.error("too many redirects")
    } else if url.scheme() == "https" || local {
        attempt.follow()
    } else {
        attempt.error("a redirect to plain HTTP")
    }
}

/// Is the host of this URL this machine?
pub(crate) fn is_local(url: &url::Url) -> bool {
    match url.host() {
        Some(url::Host::Domain(name)) => name == "localhost",
        Some(url::Host::Ipv4(address)) => address.is_loopback(),
        Some(url::Host::Ipv6(address)) => address.is_loopback(),
        None => false,
    }
}

impl Registry {
    /// Sends a request with a body of this size, and waits for the answer's head.
    pub(crate) async fn send(
        &self,
        request: reqwest::RequestBuilder,
        body: usize,
        host: &str,
    ) -> Result<Response, RegistryError> {
        let patience = self.idle + Duration::from_secs(body as u64 / SLOWEST_UPLOAD);
        match timeout(patience, request.send()).await {
            Ok(Ok(response)) => Ok(response),
            Ok(Err(error)) => Err(RegistryError::Unreachable {
                host: host.to_owned(),
                fault: chain(error),
            }),
            Err(_) => Err(RegistryError::TooSlow {
                host: host.to_owned(),
                what: "an answer".to_owned(),
                seconds: patience.as_secs(),
            }),
        }
    }

    /// The next bytes of an answer.
    async fn chunk(
        &self,
        response: &mut Response,
        host: &str,
    ) -> Result<Option<bytes::Bytes>, RegistryError> {
        match timeout(self.idle, response.chunk()).await {
            Ok(Ok(chunk)) => Ok(chunk),
            Ok(Err(error)) => Err(RegistryError::Unreachable {
                host: host.to_owned(),
                fault: chain(error),
            }),
            Err(_) => Err(RegistryError::TooSlow {
                host: host.to_owned(),
                what: "the next bytes".to_owned(),
                seconds: self.idle.as_secs(),
            }),
        }
    }

    /// All of an answer's body, unless it has more bytes than the limit: whatever length it promised, no more is kept.
    pub(crate) async fn read(
        &self,
        mut response: Response,
        limit: u64,
        reference: &Reference,
        what: &str,
    ) -> Result<Vec<u8>, RegistryError> {
        let too_large = || RegistryError::TooLarge {
            reference: reference.to_string(),
            what: what.to_owned(),
            limit,
        };
        if response
            .content_length()
            .is_some_and(|length| length > limit)
        {
            return Err(too_large());
        }
        let mut bytes = Vec::new();
        while let Some(chunk) = self.chunk(&mut response, reference.host()).await? {
            if (bytes.len() + chunk.len()) as u64 > limit {
                return Err(too_large());
            }
            bytes.extend_from_slice(&chunk);
        }
        Ok(bytes)
    }

    /// The beginning of an error's body, fit to be printed.
    pub(crate) async fn message(&self, mut response: Response, host: &str) -> String {
        let mut bytes = Vec::new();
        while bytes.len() < SHOWN {
            match self.chunk(&mut response, host).await {
                Ok(Some(chunk)) => bytes.extend_from_slice(&chunk[..chunk.len().min(SHOWN)]),
                _ => break,
            }
        }
        let text = String::from_utf8_lossy(&bytes);
        let shown: String = text
            .chars()
            .filter(|c| !c.is_control())
            .take(SHOWN)
            .collect();
        match shown.trim() {
            "" => String::new(),
            shown => format!(": {shown}"),
        }
    }
}
