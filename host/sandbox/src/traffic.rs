//! Requests of components, one by one, for who develops one: events of the target `egress`, which no level but `debug` shows. They
//! have no secret: credentials are named, and of a URL the query is left out.

use std::time::Instant;

use types::Error;
use url::Url;

use crate::egress::{Egress, Response};
use crate::logs::printable;
use crate::outgoing::{Attach, Outgoing};

/// A request on its way.
pub(crate) struct Traffic {
    begun: Instant,
    /// Method and URL.
    request: String,
    credentials: String,
    /// The rule that a grant would need, where none allows it.
    missing: Option<String>,
}

impl Traffic {
    pub(crate) fn is_told() -> bool {
        tracing::enabled!(target: "egress", tracing::Level::DEBUG)
    }

    pub(crate) fn of(out: &Outgoing, egress: &Egress) -> Self {
        let url = Url::parse(&out.url).ok().map(|mut url| {
            // Neither fails for what has a host, and what has none has neither.
            let _ = url.set_username("");
            let _ = url.set_password(None);
            url.set_query(None);
            url.set_fragment(None);
            url
        });
        let method = printable(&out.method);
        let (request, missing) = match &url {
            Some(url) => {
                let request = format!("{method} {url}");
                let allowed = egress.allows(&out.method, url);
                (request.clone(), (!allowed).then_some(request))
            }
            None => (format!("{method} (no URL)"), None),
        };
        let credentials = match (&out.attach, &url) {
            (Attach::Named(name), _) => printable(name).into_owned(),
            (Attach::Auto, Some(url)) => {
                let names: Vec<&str> = egress.auto(url).collect();
                names.join(", ")
            }
            _ => String::new(),
        };
        Self {
            begun: Instant::now(),
            request,
            credentials,
            missing,
        }
    }

    pub(crate) fn tell(self, plugin: &str, sent: &Result<Response, Error>) {
        let milliseconds = u64::try_from(self.begun.elapsed().as_millis()).unwrap_or(u64::MAX);
        let Self {
            request,
            credentials,
            missing,
            ..
        } = self;
        match sent {
            Ok(response) => tracing::debug!(
                target: "egress",
                plugin,
                request,
                credentials,
                status = response.status,
                milliseconds,
            ),
            Err(error) => tracing::debug!(
                target: "egress",
                plugin,
                request,
                credentials,
                error = error.message,
                missing_rule = missing,
                milliseconds,
            ),
        }
    }
}
