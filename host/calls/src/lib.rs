//! Runs calls of clients: a name to targets, a target to a revision, and the revision's answer back in the client's dialect.
//! The only place that tries again, and only before the first byte of an answer.

#![deny(missing_docs)]

mod ask;
mod hosted;
mod kept;
mod models;
mod native;
mod neutral;
mod present;
mod responses;
mod runs;
mod seal;
mod thoughts;

use std::sync::{Arc, OnceLock};
use std::time::Instant;

use bytes::Bytes;
use catalog::{Catalog, Revision, Snapshot};
use dialects::native::Scan;
use dialects::{Asked, Wire};
use futures::stream::BoxStream;
use metrics::{Ended, Metrics};
use store::Store;
use tools::Tools;
use types::config::{Key, Target};
use types::neutral::{Event, Usage};
use types::{Error, ErrorCode};

pub use crate::ask::Asking;
pub use crate::hosted::hosted_pair;
use crate::kept::{Keeper, Lasting};
use crate::runs::Runs;
use crate::seal::Seals;

/// Who calls.
#[derive(Debug, Clone)]
pub enum Caller {
    /// Somebody on this machine: no key is configured.
    Anyone,
    /// The holder of a key.
    Key(Key),
}

impl Caller {
    /// May they use a model of this name? What they may not use is, to them, not there.
    pub fn may(&self, model: &str) -> bool {
        match self {
            Self::Anyone => true,
            Self::Key(key) => key.allows(model),
        }
    }

    /// May they use a tool, `plugin/tool`?
    pub fn may_call(&self, tool: &str) -> bool {
        match self {
            Self::Anyone => true,
            Self::Key(key) => key.allows_tool(tool),
        }
    }

    /// The key's name, to which belongs what is kept; empty where no key is asked for.
    pub fn name(&self) -> &str {
        match self {
            Self::Anyone => "",
            Self::Key(key) => &key.name,
        }
    }
}

/// A request as it came.
#[derive(Debug, Clone)]
pub struct Request {
    /// What it asks for, and in which words.
    pub wire: Wire,
    /// Header fields that a vendor may see.
    pub headers: Vec<(String, String)>,
    /// The query without `?`; no credentials.
    pub query: Option<String>,
    /// The body.
    pub body: Bytes,
}

/// An answer in the client's dialect.
pub struct Reply {
    /// HTTP status.
    pub status: u16,
    /// Header fields; the content type is among them.
    pub headers: Vec<(String, String)>,
    /// The body. An error in it means that what was sent so far must not look complete.
    pub body: BoxStream<'static, Result<Bytes, Error>>,
}

impl Reply {
    /// A JSON answer of the host's own.
    fn json(value: &serde_json::Value) -> Self {
        let body = Ok(Bytes::from(value.to_string()));
        Self {
            status: 200,
            headers: vec![("content-type".into(), "application/json".into())],
            body: Box::pin(futures::stream::once(async { body })),
        }
    }
}

/// Runs calls on what the catalog serves.
#[derive(Clone)]
pub struct Calls {
    catalog: Arc<Catalog>,
    metrics: Arc<Metrics>,
    seals: Seals,
    store: Option<Store>,
    tools: Tools,
    runs: Runs,
}

/// A call on its way.
struct Call<'a> {
    calls: &'a Calls,
    caller: &'a Caller,
    request: &'a Request,
    scan: Scan,
    /// What is asked for, read once: for the first target that doesn't take the request as it is, or before all.
    asked: OnceLock<Asked>,
    /// It must be translated for every target: it refers to what is kept here, or is to be.
    lasts: bool,
    /// Keeps its answer.
    keeper: Option<Keeper>,
}

/// One try of a call.
struct Attempt<'a> {
    call: &'a Call<'a>,
    target: &'a Target,
    revision: &'a Arc<Revision>,
    /// It goes into the body of an answer that streams, and ends with it.
    record: Option<Record>,
}

impl Calls {
    /// Calls of these plugins, counted. `store`: where answers are kept; without it none are, and what a plugin must see again of its
    /// answers is known until the host ends.
    ///
    /// # Errors
    /// The store's.
    pub async fn new(
        catalog: Arc<Catalog>,
        metrics: Arc<Metrics>,
        store: Option<Store>,
    ) -> Result<Self, Error> {
        let key = match &store {
            Some(store) => store.key("provider-data").await?,
            None => rand::random(),
        };
        let tools = Tools::new(catalog.clone(), metrics.clone());
        Ok(Self {
            catalog,
            metrics,
            seals: Seals::new(&key),
            store,
            tools,
            runs: Runs::default(),
        })
    }

    /// Tools that plugins offer.
    pub fn tools(&self) -> &Tools {
        &self.tools
    }

    /// Runs a call: on the first target of its model, and on the next as long as a target fails before its answer begins.
    ///
    /// # Errors
    /// The request's fault, or that of the last target.
    pub async fn run(&self, caller: &Caller, request: Request) -> Result<Reply, Error> {
        let scan = dialects::native::scan(&request.body)?;
        // Whoever may use no such model makes the host read nothing that it keeps.
        if self
            .targets(&self.catalog.now(), caller, &scan.model)
            .is_empty()
        {
            return self.run_lasting(caller, &request, scan, None).await;
        }
        match self.lasting(caller, &request).await? {
            Some(lasting) if lasting.in_background() => {
                self.begin(caller, request, scan, lasting).await
            }
            lasting => self.run_lasting(caller, &request, scan, lasting).await,
        }
    }

    /// What serves a model, in the order in which it is tried; nothing where the caller may not use it.
    fn targets(&self, now: &Snapshot, caller: &Caller, model: &str) -> Vec<Target> {
        match caller.may(model) {
            true => router::targets(&now.config, model, |sum| rand::random_range(0..sum)),
            false => Vec::new(),
        }
    }

    async fn run_lasting(
        &self,
        caller: &Caller,
        request: &Request,
        scan: Scan,
        lasting: Option<Lasting>,
    ) -> Result<Reply, Error> {
        let now = self.catalog.now().clone();
        let targets = self.targets(&now, caller, &scan.model);
        let lasts = lasting.is_some();
        let (asked, keeper) = match lasting {
            Some(Lasting { asked, keeper }) => (OnceLock::from(asked), keeper),
            None => (OnceLock::new(), None),
        };
        let call = Call {
            calls: self,
            caller,
            request,
            scan,
            asked,
            lasts,
            keeper,
        };
        let outcome = call.first_that_works(&now, &targets).await;
        let not_found = match &outcome {
            Ok(reply) => reply.status == 404,
            Err(error) => error.code == ErrorCode::NotFound,
        };
        // A vendor doesn't know our names; the host knows those that are near. A route's targets are the operator's affair.
        let model = &call.scan.model;
        let by_name = || targets.iter().all(|at| at.to_string() == *model);
        match not_found && by_name() {
            true => self.name_near(&now, caller, model, outcome).await,
            false => outcome,
        }
    }
}

impl Call<'_> {
    async fn first_that_works(&self, now: &Snapshot, targets: &[Target]) -> Result<Reply, Error> {
        let mut outcome = Err(unknown(&self.scan.model));
        for target in targets {
            let (wire, metrics) = (self.request.wire.id(), &self.calls.metrics);
            let mut record = Record::new(metrics, self.caller.name(), wire, target);
            outcome = match now.pick(&target.plugin) {
                Some(revision) => {
                    record.revision = Some(revision.clone());
                    let attempt = Attempt {
                        call: self,
                        target,
                        revision,
                        record: Some(record),
                    };
                    attempt.run().await
                }
                None => {
                    let error = not_loaded(&target.plugin);
                    record.status = error.status();
                    Err(error)
                }
            };
            match &outcome {
                Ok(reply) if Error::is_retryable_status(reply.status) => {
                    tracing::info!(
                        plugin = target.plugin,
                        status = reply.status,
                        "failed before its answer began"
                    );
                }
                Err(error) if error.is_retryable() => log_failed(&target.plugin, error),
                _ => return outcome,
            }
        }
        outcome
    }

    /// What is asked for, in the neutral form.
    fn asked(&self) -> Result<Asked, Error> {
        if let Some(asked) = self.asked.get() {
            return Ok(asked.clone());
        }
        let asked = self.request.wire.parse(&self.request.body)?;
        Ok(self.asked.get_or_init(|| asked).clone())
    }
}

impl Attempt<'_> {
    async fn run(mut self) -> Result<Reply, Error> {
        let Request { wire, body, .. } = self.call.request;
        let translates = self.call.lasts || wire.needs_translation(body);
        let outcome = match self.speaks() && !translates {
            true => self.native().await,
            false => self.neutral().await,
        };
        if let (Err(error), Some(record)) = (&outcome, &mut self.record) {
            record.status = error.status();
        }
        outcome
    }

    /// Does the plugin forward the client's dialect?
    fn speaks(&self) -> bool {
        let mut dialects = self.revision.plugin.dialects().iter();
        dialects.any(|dialect| dialect == self.call.request.wire.id())
    }

    /// The header field that says who answered.
    fn target_header(&self) -> (String, String) {
        ("evenhand-target".into(), self.target.to_string())
    }
}

fn unknown(model: &str) -> Error {
    Error::new(ErrorCode::NotFound, format!("there is no model {model:?}")).at("model")
}

fn log_failed(plugin: &str, error: &Error) {
    tracing::info!(plugin, error = ?error.message, "failed before its answer began");
}

/// To a client it is as if it were busy: it may be there later.
fn not_loaded(plugin: &str) -> Error {
    let message =
        format!("the plugin {plugin:?} is not loaded; the operator sees why at /admin/v1/plugins");
    Error::new(ErrorCode::Overloaded, message).of(plugin)
}

/// A call's line in the log, written when it ends.
struct Record {
    metrics: Arc<Metrics>,
    begun: Instant,
    caller: String,
    wire: &'static str,
    target: Target,
    /// What ran it; absent: it did not get that far.
    revision: Option<Arc<Revision>>,
    status: u16,
    /// Its answer began and broke off.
    broke_off: bool,
    usage: Option<Usage>,
}

impl Record {
    /// `wire`: in which words it was asked.
    fn new(metrics: &Arc<Metrics>, caller: &str, wire: &'static str, target: &Target) -> Self {
        metrics.begun(&target.plugin);
        Self {
            metrics: metrics.clone(),
            begun: Instant::now(),
            caller: caller.into(),
            wire,
            target: target.clone(),
            revision: None,
            status: 0,
            broke_off: false,
            usage: None,
        }
    }

    /// Looks for the tokens among the events of an answer; the last that tells them counts.
    fn count(&mut self, events: &[Event]) {
        let usage = events.iter().rev().find_map(|event| match event {
            Event::Usage(usage) => Some(usage.clone()),
            _ => None,
        });
        self.usage = usage.or(self.usage.take());
    }
}

impl Drop for Record {
    fn drop(&mut self) {
        let usage = self.usage.take().unwrap_or_default();
        let took = self.begun.elapsed();
        if let (Some(revision), 1..) = (&self.revision, self.status) {
            revision.count(self.broke_off || self.status >= 400);
        }
        self.metrics.ended(Ended {
            plugin: &self.target.plugin,
            dialect: self.wire,
            status: self.status,
            took,
            input_tokens: usage.input_tokens,
            output_tokens: usage.output_tokens,
        });
        tracing::info!(
            target: "call",
            key = self.caller,
            wire = self.wire,
            plugin = self.target.plugin,
            model = self.target.model,
            // 0: the client went away before there was one.
            status = self.status,
            milliseconds = u64::try_from(took.as_millis()).unwrap_or(u64::MAX),
            input_tokens = usage.input_tokens,
            output_tokens = usage.output_tokens,
        );
    }
}
