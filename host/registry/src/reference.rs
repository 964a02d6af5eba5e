//! `oci://host/repository:tag@sha256:…`: where a component is.

use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;

use crate::is_digest;

/// What a reference begins with.
const SCHEME: &str = "oci://";

/// Where a component is: a registry, a repository of it, and there a tag, a digest, or both, of which the digest decides.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Reference(oci_client::Reference);

/// What is wrong with a reference.
#[derive(Debug, thiserror::Error)]
#[error(
    "{text:?} is no reference of an OCI registry: {fault}. Write oci://HOST[:PORT]/REPOSITORY:TAG, or …@sha256:DIGEST"
)]
pub struct ReferenceError {
    text: String,
    fault: String,
}

impl Reference {
    /// Is this text meant as one?
    pub fn is_meant(text: &str) -> bool {
        text.starts_with(SCHEME)
    }

    /// The registry's host, with its port where it has one.
    pub fn host(&self) -> &str {
        self.0.resolve_registry()
    }

    /// The repository.
    pub fn repository(&self) -> &str {
        self.0.repository()
    }

    /// The tag, which may point elsewhere tomorrow.
    pub fn tag(&self) -> Option<&str> {
        self.0.tag()
    }

    /// The digest of the manifest, which is one artifact for ever.
    pub fn digest(&self) -> Option<&str> {
        self.0.digest()
    }

    /// The same, pinned: its tag and this digest.
    ///
    /// # Errors
    /// It is no digest.
    pub fn with_digest(&self, digest: &str) -> Result<Self, ReferenceError> {
        let name = self.name();
        match self.tag() {
            Some(tag) => format!("{SCHEME}{name}:{tag}@{digest}").parse(),
            None => format!("{SCHEME}{name}@{digest}").parse(),
        }
    }

    /// `host/repository`, as cosign names an image in what it signs.
    pub(crate) fn name(&self) -> String {
        format!("{}/{}", self.0.registry(), self.0.repository())
    }

    /// The tag or digest that a registry is asked for.
    pub(crate) fn wanted(&self) -> &str {
        self.digest().or(self.tag()).unwrap_or_default()
    }

    /// Is the registry on this machine? Only there is plain HTTP spoken.
    pub(crate) fn is_loopback(&self) -> bool {
        is_loopback(self.host())
    }
}

/// Is this `host[:port]` on this machine?
fn is_loopback(host: &str) -> bool {
    let name = host.split_once(':').map_or(host, |(name, _)| name);
    let address = name.parse::<IpAddr>();
    name == "localhost" || address.is_ok_and(|address| address.is_loopback())
}

impl FromStr for Reference {
    type Err = ReferenceError;

    fn from_str(text: &str) -> Result<Self, ReferenceError> {
        let wrong = |fault: &str| ReferenceError {
            text: text.chars().take(300).collect(),
            fault: fault.to_owned(),
        };
        let rest = text
            .strip_prefix(SCHEME)
            .ok_or_else(|| wrong("it does not begin with oci://"))?;
        let (host, path) = rest
            .split_once('/')
            .ok_or_else(|| wrong("it names no repository"))?;
        // Without these signs of a host it would be taken for a repository of one that nobody named.
        if !(host.contains(['.', ':']) || host == "localhost") {
            return Err(wrong("its first part is no host"));
        }
        if !path.contains([':', '@']) {
            return Err(wrong("it names neither a tag nor a digest"));
        }
        let parsed: oci_client::Reference = rest
            .parse()
            .map_err(|e: oci_client::ParseError| wrong(&e.to_string()))?;
        match parsed.digest() {
            Some(digest) if !is_digest(digest) => Err(wrong(
                "its digest is not sha256: and 64 small hexadecimal digits",
            )),
            _ => Ok(Self(parsed)),
        }
    }
}

impl fmt::Display for Reference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{SCHEME}{}", self.0)
    }
}
