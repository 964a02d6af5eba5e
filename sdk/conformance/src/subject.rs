//! The component under test, in the host's own sandbox.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use anyhow::Result;
use sandbox::{Behind, Plugin, Replaced, Sandbox, Witness};
use store::Store;
use tokio::time::timeout;
use types::config::Limits;
use types::neutral::GenerateRequest;
use types::{Error, ErrorCode};

use crate::answer::Answer;
use crate::grants::{Granted, NAME};
use crate::person::Person;
use crate::stage::{Asked, Plan, Stage};

/// Longer than any limit of the sandbox's own: what takes longer hangs.
const PATIENCE: Duration = Duration::from_secs(90);

/// How often a component may run into a limit of time before it is called no more.
const HANGS: usize = 3;

/// What the sandbox tells of the component.
#[derive(Default)]
pub(crate) struct Told {
    refused: Mutex<Vec<String>>,
    limited: Mutex<Vec<&'static str>>,
}

impl Witness for Told {
    fn refused(&self, _: &str, to: &str, reason: &str) {
        lock(&self.refused).push(format!("{to}: {reason}"));
    }

    fn limited(&self, _: &str, limit: &'static str) {
        lock(&self.limited).push(limit);
    }

    fn quarantined(&self, _: &str, _: Option<&str>) {}

    fn replaced(&self, _: &Replaced) {}
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The component.
pub(crate) struct Subject {
    sandbox: Sandbox,
    bytes: Vec<u8>,
    granted: Granted,
    pub(crate) stage: Stage,
    told: Arc<Told>,
    pub(crate) plugin: Arc<Plugin>,
    /// The case that runs.
    pub(crate) now: String,
    /// Where it trapped.
    pub(crate) traps: Vec<String>,
    /// Where its events were out of order, and it ended as if all were well.
    pub(crate) disorder: Vec<String>,
    /// Where it ran into a limit of time.
    pub(crate) hangs: Vec<String>,
}

/// How an answer ended.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum End {
    /// As answers do.
    Clean,
    /// Without `finished`.
    Unfinished,
    /// With an error.
    Failed(Error),
}

/// A call that gives an answer.
#[derive(Debug)]
pub(crate) struct Heard {
    pub(crate) answer: Answer,
    pub(crate) end: End,
    pub(crate) asked: Vec<Asked>,
    /// Where the requests were not as the script has them.
    pub(crate) faults: Vec<String>,
}

/// A call that gives a value.
#[derive(Debug)]
pub(crate) struct Called<T> {
    pub(crate) value: Result<T, Error>,
    pub(crate) asked: Vec<Asked>,
    pub(crate) faults: Vec<String>,
}

impl Subject {
    /// Loads it.
    pub(crate) async fn load(
        sandbox: Sandbox,
        store: Option<Store>,
        bytes: Vec<u8>,
        granted: Granted,
        stage: Stage,
    ) -> Result<Self> {
        let told = Arc::new(Told::default());
        let sandbox = sandbox
            .witnessed_by(told.clone())
            .with_store(store)
            .with_vendor(Arc::new(stage.clone()));
        let plugin = load(&sandbox, &bytes, &granted, &granted.entry.limits).await?;
        Ok(Self {
            sandbox,
            bytes,
            granted,
            stage,
            told,
            plugin,
            now: String::new(),
            traps: Vec::new(),
            disorder: Vec::new(),
            hangs: Vec::new(),
        })
    }

    /// Loads it anew: it may have lost the host's trust.
    pub(crate) async fn reload(&mut self) -> Result<()> {
        self.limit(|_| {}).await
    }

    /// Loads it anew with other limits.
    pub(crate) async fn limit(&mut self, change: impl FnOnce(&mut Limits)) -> Result<()> {
        let mut limits = self.granted.entry.limits.clone();
        change(&mut limits);
        self.plugin = load(&self.sandbox, &self.bytes, &self.granted, &limits).await?;
        Ok(())
    }

    /// What it wanted and was refused.
    pub(crate) fn refused(&self) -> Vec<String> {
        let mut all = lock(&self.told.refused).clone();
        all.dedup();
        all
    }

    /// Asks for an answer and reads it to its end.
    pub(crate) async fn generate(&mut self, plan: Plan, request: GenerateRequest) -> Heard {
        let mut answer = Answer::default();
        if let Some(error) = self.given_up() {
            return Heard {
                answer,
                end: End::Failed(error),
                asked: Vec::new(),
                faults: Vec::new(),
            };
        }
        self.stage.play(Some(plan));
        lock(&self.told.limited).clear();
        let plugin = self.plugin.clone();
        let reads = async {
            let mut events = match plugin.generate(request).await {
                Ok(events) => events,
                Err(error) => return End::Failed(error),
            };
            while let Some(step) = events.next().await {
                match step {
                    Ok(batch) => answer.read(batch),
                    Err(error) => return End::Failed(error),
                }
            }
            match answer.finished.is_empty() {
                true => End::Unfinished,
                false => End::Clean,
            }
        };
        let end = timeout(PATIENCE, reads).await;
        let end = end.unwrap_or_else(|_| End::Failed(hangs()));
        if let End::Failed(error) = &end {
            self.look(error);
        }
        if end == End::Clean {
            for what in &answer.disorder {
                self.disorder.push(format!("{}: {what}", self.now));
            }
        }
        let (asked, faults) = self.stage.over();
        Heard {
            answer,
            end,
            asked,
            faults,
        }
    }

    /// A call that gives a value.
    pub(crate) async fn call<T>(
        &mut self,
        plan: Option<Plan>,
        call: impl AsyncFnOnce(Arc<Plugin>) -> Result<T, Error>,
    ) -> Called<T> {
        if let Some(error) = self.given_up() {
            return Called {
                value: Err(error),
                asked: Vec::new(),
                faults: Vec::new(),
            };
        }
        self.stage.play(plan);
        lock(&self.told.limited).clear();
        let value = timeout(PATIENCE, call(self.plugin.clone())).await;
        let value = value.unwrap_or_else(|_| Err(hangs()));
        if let Err(error) = &value {
            self.look(error);
        }
        let (asked, faults) = self.stage.over();
        Called {
            value,
            asked,
            faults,
        }
    }

    /// Notes a trap, and what took too long. A trap that a limit of memory made is the limit's.
    fn look(&mut self, error: &Error) {
        let limited = lock(&self.told.limited).clone();
        let told = format!("{}: {}", self.now, error.message);
        if error.code == ErrorCode::PluginFailed && !limited.contains(&"memory") {
            self.traps.push(told);
        } else if error.code == ErrorCode::TimedOut
            && (error.message == hangs().message
                || limited.iter().any(|it| matches!(*it, "deadline" | "idle")))
        {
            self.hangs.push(told);
        }
    }

    /// What hangs again and again is called no more.
    pub(crate) fn given_up(&self) -> Option<Error> {
        let message = "it was not called: it ran into its limit of time before";
        (self.hangs.len() >= HANGS).then(|| Error::new(ErrorCode::TimedOut, message))
    }

    /// What it was refused, so far. What it is refused between this and [`Subject::forgive`] is the kit's own doing.
    pub(crate) fn mark(&self) -> usize {
        lock(&self.told.refused).len()
    }

    /// Forgets what it was refused since.
    pub(crate) fn forgive(&self, mark: usize) {
        lock(&self.told.refused).truncate(mark);
    }

    /// Who is behind a tool's call.
    pub(crate) fn behind(&self) -> Behind {
        Behind {
            owner: "conformance".into(),
            session: "conformance".into(),
            link: Arc::new(Person),
        }
    }
}

async fn load(
    sandbox: &Sandbox,
    bytes: &[u8],
    granted: &Granted,
    limits: &Limits,
) -> Result<Arc<Plugin>> {
    let mut entry = granted.entry.clone();
    entry.limits = limits.clone();
    debug_assert_eq!(entry.name, NAME);
    let plugin = sandbox.load(bytes.to_vec(), &entry, &granted.secrets, &granted.urls);
    Ok(Arc::new(plugin.await?))
}

fn hangs() -> Error {
    Error::new(
        ErrorCode::TimedOut,
        format!("the call did not end within {PATIENCE:?}"),
    )
}

/// A code in the contract's words.
pub(crate) fn code(code: ErrorCode) -> &'static str {
    match code {
        ErrorCode::BadRequest => "bad-request",
        ErrorCode::Unauthorised => "unauthorised",
        ErrorCode::Forbidden => "forbidden",
        ErrorCode::NotFound => "not-found",
        ErrorCode::Conflict => "conflict",
        ErrorCode::TooLarge => "too-large",
        ErrorCode::RateLimited => "rate-limited",
        ErrorCode::Overloaded => "overloaded",
        ErrorCode::TimedOut => "timed-out",
        ErrorCode::RefusedByPolicy => "refused-by-policy",
        ErrorCode::Unsupported => "unsupported",
        ErrorCode::Upstream => "upstream",
        ErrorCode::Cancelled => "cancelled",
        ErrorCode::PluginFailed => "a trap or a broken contract",
        ErrorCode::Internal => "internal",
    }
}

/// An error in words.
pub(crate) fn told(error: &Error) -> String {
    format!(
        "{}: {}",
        code(error.code),
        crate::answer::short(&error.message)
    )
}
