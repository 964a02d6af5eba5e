//! One run of the kit.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Instant;

use anyhow::{Context, Result};
use manifest::{Manifest, Project};
use sandbox::{Kind, Sandbox};
use store::Store;

use crate::grants::{self, give, missing_weights};
use crate::report::{Outcome, Report, Stop};
use crate::script::Script;
use crate::stage::Stage;
use crate::subject::Subject;
use crate::{accelerator, provider, tools};

/// Cases about the whole run.
const AT_THE_END: [&str; 4] = ["stream.order", "asks.no-more", "never.traps", "never.hangs"];

/// What is tested.
#[derive(Debug)]
pub struct Candidate {
    /// As people know it.
    pub name: String,
    /// The component.
    pub bytes: Vec<u8>,
    /// What its publisher wrote for the kit.
    pub script: Script,
}

/// A run under way.
pub(crate) struct Run {
    pub(crate) subject: Subject,
    pub(crate) script: Script,
    /// What requests have in them that name a secret.
    pub(crate) traces: BTreeMap<String, String>,
    report: Report,
}

impl Run {
    /// Runs a case. One in which the component trapped is not passed, and the next has it loaded anew.
    pub(crate) async fn case(
        &mut self,
        name: &'static str,
        of: &str,
        case: impl AsyncFnOnce(&mut Self) -> Outcome,
    ) {
        let begun = Instant::now();
        let traps = self.subject.traps.len();
        self.subject.now = match of {
            "" => name.to_owned(),
            of => format!("{name}[{of}]"),
        };
        let mut outcome = match self.subject.given_up() {
            Some(error) if !AT_THE_END.contains(&name) => Err(Stop::skipped(error.message)),
            _ => case(self).await,
        };
        if let Some(trap) = self.subject.traps.get(traps).cloned() {
            if outcome.is_ok() {
                outcome = Err(Stop::failed("no trap", trap));
            }
            if let Err(error) = self.subject.reload().await {
                outcome = Err(Stop::failed("that it loads again", format!("{error:#}")));
            }
        }
        self.report.add(name, of, outcome, begun.elapsed());
    }
}

/// Runs all cases that fit a component.
///
/// # Errors
/// The kit itself can't run here; what is wrong with the component is in the report.
pub async fn run(candidate: Candidate, sandbox: Sandbox) -> Result<Report> {
    let mut report = Report {
        component: candidate.name.clone(),
        ..Report::default()
    };
    let scratch = tempfile::tempdir().context("making a folder for databases")?;
    let Some(mut run) = begin(&mut report, candidate, sandbox, scratch.path()).await? else {
        return Ok(report);
    };
    match run.subject.plugin.kind() {
        Kind::Provider => provider::run(&mut run).await,
        Kind::Tools => tools::run(&mut run).await,
        Kind::Accelerator => accelerator::run(&mut run).await,
    }
    ends(&mut run).await;
    report.lines.append(&mut run.report.lines);
    Ok(report)
}

/// What holds for the whole run.
async fn ends(run: &mut Run) {
    if run.subject.plugin.kind() == Kind::Provider {
        run.case("stream.order", "", async |run| {
            none("events in order", &run.subject.disorder)
        })
        .await;
    }
    run.case("asks.no-more", "", async |run| {
        none(
            "nothing that the manifest doesn't ask for",
            &run.subject.refused(),
        )
    })
    .await;
    run.case("never.traps", "", async |run| {
        none("no trap", &run.subject.traps)
    })
    .await;
    run.case("never.hangs", "", async |run| {
        none(
            "no call that takes longer than its limits",
            &run.subject.hangs,
        )
    })
    .await;
}

/// Nothing of this kind happened.
fn none(expected: &str, seen: &[String]) -> Outcome {
    match seen {
        [] => Ok(()),
        [first, rest @ ..] => {
            let more = match rest.len() {
                0 => String::new(),
                more => format!(" (and {more} more)"),
            };
            Err(Stop::failed(expected, format!("{first}{more}")))
        }
    }
}

/// Loads the component, where it can be loaded.
async fn begin(
    report: &mut Report,
    candidate: Candidate,
    sandbox: Sandbox,
    scratch: &Path,
) -> Result<Option<Run>> {
    let begun = Instant::now();
    let Candidate { bytes, script, .. } = candidate;
    let manifest = match manifest_of(&bytes, &script.folder) {
        Ok(manifest) => manifest,
        Err(why) => {
            let failed = Stop::failed("a manifest that can be read", why);
            report.add("manifest.present", "", Err(failed), begun.elapsed());
            return Ok(None);
        }
    };
    report.add("manifest.present", "", Ok(()), begun.elapsed());
    let taken = sandbox::contracts();
    let contract = match taken.contains(&manifest.contract) {
        true => Ok(()),
        false => Err(Stop::failed(
            format!("a contract of {taken:?}"),
            manifest.contract.to_string(),
        )),
    };
    report.add("manifest.contract", "", contract, begun.elapsed());
    let config = serde_json::to_value(&script.config).context("the script's config is no JSON")?;
    let config = manifest.check_config(&config);
    let config = config.map_err(|faults| Stop::failed("a config that fits", faults));
    report.add("manifest.config", "", config, begun.elapsed());
    if let Some(file) = missing_weights(&script).first() {
        let why = format!("its weights aren't here: {}", file.display());
        report.add("load", "", Err(Stop::skipped(why)), begun.elapsed());
        return Ok(None);
    }
    let begun = Instant::now();
    let seen = sandbox.inspect(bytes.clone()).await;
    let kind = seen.ok().and_then(|seen| seen.kind);
    let granted = match give(&manifest, &script, kind, scratch).await {
        Ok(granted) => granted,
        Err(why) => {
            let why = Stop::skipped(format!("{why:#}"));
            report.add("load", "", Err(why), begun.elapsed());
            return Ok(None);
        }
    };
    let traces = grants::traces(&manifest, &granted.secrets);
    let stage = Stage::new(&script.folder, granted.masked.clone());
    let store = format!("sqlite://{}", scratch.join("store.db").display());
    let store = Store::open(&store)
        .await
        .context("opening a store for tools")?;
    let subject = Subject::load(sandbox, Some(store), bytes, granted, stage).await;
    let took = begun.elapsed();
    let subject = match subject {
        Ok(subject) => subject,
        Err(why) => {
            let failed = Stop::failed("that it loads", format!("{why:#}"));
            report.add("load", "", Err(failed), took);
            return Ok(None);
        }
    };
    report.add("load", "", Ok(()), took);
    let asked = subject.stage.over().0;
    if subject.plugin.kind() == Kind::Provider {
        let offline = match asked.first() {
            None => Ok(()),
            Some(asked) => Err(Stop::failed(
                "no request before it is used",
                format!("{} {}", asked.method, asked.url),
            )),
        };
        report.add("load.offline", "", offline, took);
    }
    Ok(Some(Run {
        subject,
        script,
        report: Report::default(),
        traces,
    }))
}

/// The manifest in the component; where it has none, that of the project beside the script.
fn manifest_of(bytes: &[u8], folder: &Path) -> Result<Manifest, String> {
    if let Some(found) = manifest::read(bytes).map_err(|e| e.to_string())? {
        return Ok(found);
    }
    match folder.join(manifest::FILE).exists() {
        true => Project::open(folder)
            .map(|project| project.plugin)
            .map_err(|e| e.to_string()),
        false => Err(format!(
            "none in the component, and no {} beside the script: `evenhand build` embeds it",
            manifest::FILE
        )),
    }
}
