//! The kit's vendor: it stands where the network would be, behind the host's own gate.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use futures::future::{BoxFuture, pending};
use http_body_util::BodyExt;
use sandbox::Vendor;
use serde_json::Value;
use tokio::sync::watch;
use types::{Error, ErrorCode};

use crate::answer::short;
use crate::compare::{lacks, repeats};
use crate::delivery::{Delivery, stream};
use crate::script::Exchange;

/// A request as it came through the gate.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Asked {
    pub(crate) method: String,
    pub(crate) url: String,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Bytes,
}

impl Asked {
    /// Is this text in it somewhere, as it is or as JSON writes it?
    pub(crate) fn has(&self, text: &str) -> bool {
        fn within(value: &Value, text: &str) -> bool {
            match value {
                Value::String(found) => found.contains(text),
                Value::Array(all) => all.iter().any(|one| within(one, text)),
                Value::Object(all) => all
                    .iter()
                    .any(|(key, one)| key == text || within(one, text)),
                _ => false,
            }
        }
        let plain = String::from_utf8_lossy(&self.body);
        let json = serde_json::from_slice::<Value>(&self.body);
        plain.contains(text)
            || json.is_ok_and(|json| within(&json, text))
            || self.url.contains(text)
            || self.headers.iter().any(|(_, value)| value.contains(text))
    }
}

/// What the vendor is to do.
#[derive(Debug, Clone)]
pub(crate) struct Plan {
    pub(crate) exchanges: Vec<Exchange>,
    /// Requests come in this order and are as written; else each gets the answer that fits best.
    pub(crate) strict: bool,
    /// Of the last answer.
    pub(crate) delivery: Delivery,
    /// In place of the last answer's body.
    pub(crate) body: Option<Bytes>,
}

impl Plan {
    /// The script, to the letter.
    pub(crate) fn strict(exchanges: Vec<Exchange>) -> Self {
        Self {
            exchanges,
            strict: true,
            delivery: Delivery::Whole,
            body: None,
        }
    }

    /// The script's answers, whatever is asked.
    pub(crate) fn lax(exchanges: Vec<Exchange>) -> Self {
        Self {
            strict: false,
            ..Self::strict(exchanges)
        }
    }

    /// The same, delivered so.
    pub(crate) fn delivered(mut self, delivery: Delivery) -> Self {
        self.delivery = delivery;
        self
    }

    /// The same, with another body.
    pub(crate) fn with_body(mut self, body: impl Into<Bytes>) -> Self {
        self.body = Some(body.into());
        self
    }
}

/// The vendor.
#[derive(Clone)]
pub(crate) struct Stage(Arc<Inner>);

struct Inner {
    folder: PathBuf,
    /// Values that the host adds, which are no business of the script's.
    secrets: Vec<String>,
    now: Mutex<Now>,
    /// Answers that are under way.
    open: watch::Sender<usize>,
}

#[derive(Default)]
struct Now {
    plan: Option<Plan>,
    at: usize,
    asked: Vec<Asked>,
    faults: Vec<String>,
}

/// An answer under way; dropped, it is over.
struct Open(Arc<Inner>);

impl Open {
    fn new(inner: &Arc<Inner>) -> Self {
        inner.open.send_modify(|open| *open += 1);
        Self(inner.clone())
    }
}

impl Drop for Open {
    fn drop(&mut self) {
        self.0.open.send_modify(|open| *open -= 1);
    }
}

impl Stage {
    pub(crate) fn new(folder: &Path, secrets: Vec<String>) -> Self {
        Self(Arc::new(Inner {
            folder: folder.to_owned(),
            secrets,
            now: Mutex::default(),
            open: watch::Sender::new(0),
        }))
    }

    /// Begins a play.
    pub(crate) fn play(&self, plan: Option<Plan>) {
        *self.0.lock() = Now {
            plan,
            ..Now::default()
        };
    }

    /// Ends it: what was asked, and where that was not as the script has it.
    pub(crate) fn over(&self) -> (Vec<Asked>, Vec<String>) {
        let mut now = std::mem::take(&mut *self.0.lock());
        if let Some(plan) = now.plan.filter(|plan| plan.strict) {
            for missing in plan.exchanges.iter().skip(now.at) {
                now.faults.push(format!(
                    "no request {} {} came, which the script has",
                    missing.method, missing.url
                ));
            }
        }
        (now.asked, now.faults)
    }

    /// Waits until somebody reads an answer, or until nobody does.
    pub(crate) async fn reads(&self, somebody: bool) {
        let mut open = self.0.open.subscribe();
        // It can't be closed while we hold it.
        let _ = open.wait_for(|open| (*open > 0) == somebody).await;
    }
}

impl Inner {
    fn lock(&self) -> MutexGuard<'_, Now> {
        self.now.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The answer to a request: which, and how it comes.
    fn choose(&self, asked: Asked) -> Option<(Exchange, Delivery, Option<Bytes>)> {
        let mut now = self.lock();
        let now = &mut *now;
        now.asked.push(asked.clone());
        let plan = now.plan.as_ref()?;
        let last = plan.exchanges.len().checked_sub(1)?;
        let at = if plan.strict {
            let at = now.at;
            now.at += 1;
            let Some(wanted) = plan.exchanges.get(at) else {
                now.faults.push(format!(
                    "a request more than the script has: {} {}",
                    asked.method, asked.url
                ));
                return None;
            };
            if let Some(fault) = self.differs(wanted, &asked) {
                now.faults.push(fault);
                return None;
            }
            at
        } else {
            let there = |it: &&Exchange| it.method == asked.method && self.is_at(it, &asked.url);
            let at = |found: Option<&Exchange>| {
                let found = found?;
                plan.exchanges.iter().position(|it| std::ptr::eq(it, found))
            };
            let all = || plan.exchanges.iter().rev();
            let exact = at(all().find(|it| self.differs(it, &asked).is_none()));
            exact.or_else(|| at(all().find(there))).unwrap_or(last)
        };
        let exchange = plan.exchanges[at].clone();
        Some(match at == last {
            true => (exchange, plan.delivery.clone(), plan.body.clone()),
            false => (exchange, Delivery::Whole, None),
        })
    }

    /// Is that the URL that the script has? The secrets in it are the host's.
    fn is_at(&self, wanted: &Exchange, url: &str) -> bool {
        let (path, query) = url.split_once('?').unwrap_or((url, ""));
        let own = query.split('&').filter(|pair| {
            let value = pair.split_once('=').map_or("", |(_, value)| value);
            !pair.is_empty() && !self.secrets.iter().any(|secret| secret == value)
        });
        match wanted.url.split_once('?') {
            None => path == wanted.url,
            Some((wanted, parameters)) => path == wanted && parameters.split('&').eq(own),
        }
    }

    fn differs(&self, wanted: &Exchange, asked: &Asked) -> Option<String> {
        if wanted.method != asked.method || !self.is_at(wanted, &asked.url) {
            return Some(format!(
                "the request {} {}, where the script has {} {}",
                asked.method, asked.url, wanted.method, wanted.url
            ));
        }
        for (name, value) in &wanted.request_headers {
            let sent = asked
                .headers
                .iter()
                .filter(|(it, _)| it.eq_ignore_ascii_case(name));
            let sent: Vec<&str> = sent.map(|(_, value)| value.as_str()).collect();
            if !sent.contains(&value.as_str()) {
                return Some(format!(
                    "the header field {name} is {sent:?}, where the script has {value:?}"
                ));
            }
        }
        let body = wanted.request.as_ref()?;
        match serde_json::from_slice::<Value>(&asked.body) {
            Err(_) => Some(format!(
                "a body that is no JSON: {}",
                short(&String::from_utf8_lossy(&asked.body))
            )),
            Ok(sent) => lacks(&sent, body, "").map(|fault| format!("in the request, {fault}")),
        }
    }
}

impl Vendor for Stage {
    fn answer(
        &self,
        mut request: reqwest::Request,
    ) -> BoxFuture<'static, Result<http::Response<reqwest::Body>, Error>> {
        let inner = self.0.clone();
        Box::pin(async move {
            let open = Open::new(&inner);
            let method = request.method().to_string();
            let url = request.url().to_string();
            let headers = request.headers().iter();
            let headers = headers.map(|(name, value)| {
                let value = String::from_utf8_lossy(value.as_bytes()).into_owned();
                (name.to_string(), value)
            });
            let headers = headers.collect();
            let body = match request.body_mut().take() {
                Some(body) => body
                    .collect()
                    .await
                    .map_err(|e| upstream(e.to_string()))?
                    .to_bytes(),
                None => Bytes::new(),
            };
            let said = body.clone();
            let chosen = inner.choose(Asked {
                method,
                url,
                headers,
                body,
            });
            let Some((exchange, delivery, replaced)) = chosen else {
                let body = "the conformance kit did not expect this request";
                return respond(500, [("content-type", "text/plain")], body.into());
            };
            if delivery == Delivery::Silence {
                pending::<()>().await;
            }
            let body = match (replaced, &exchange.json) {
                (Some(body), _) => body,
                (None, Some(json)) => repeats(json, &said).to_string().into(),
                (None, None) => exchange
                    .body(&inner.folder)
                    .map_err(|e| upstream(format!("{e:#}")))?,
            };
            let typed = exchange
                .headers
                .keys()
                .any(|name| name.eq_ignore_ascii_case("content-type"));
            let kind = (!typed).then_some(("content-type", exchange.kind()));
            let fields = exchange.headers.iter();
            let fields = fields.map(|(name, value)| (name.as_str(), value.as_str()));
            let body = reqwest::Body::wrap_stream(stream(body, delivery, open));
            respond(exchange.status, fields.chain(kind), body)
        })
    }
}

fn respond<'a>(
    status: u16,
    fields: impl IntoIterator<Item = (&'a str, &'a str)>,
    body: reqwest::Body,
) -> Result<http::Response<reqwest::Body>, Error> {
    let mut response = http::Response::builder().status(status);
    for (name, value) in fields {
        response = response.header(name, value);
    }
    response.body(body).map_err(|e| upstream(e.to_string()))
}

fn upstream(message: impl Into<String>) -> Error {
    Error::new(ErrorCode::Upstream, message)
}
