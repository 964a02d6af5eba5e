//! Cases of tool components.

mod calls;
mod offers;

use std::collections::BTreeSet;

use serde_json::Value;
use types::tool::{CallResult, ToolContent, ToolInfo};

use crate::report::{Outcome, Stop};
use crate::run::Run;
use crate::script::{Example, Exchange, Tools};
use crate::stage::Plan;
use crate::subject::told;

/// Longest name.
const NAME: usize = 128;

/// Runs all of them.
pub(crate) async fn run(run: &mut Run) {
    let script = run.script.tool.clone().unwrap_or_default();
    let mut listed = Vec::new();
    run.case("tools.list", "", async |run| {
        listed = list(run, &script).await?;
        let again = list(run, &script).await?;
        match listed == again {
            true => named(&listed),
            false => Err(Stop::failed(
                "the same list again",
                format!("{} tools", again.len()),
            )),
        }
    })
    .await;
    for tool in &listed {
        run.case("tools.schemas", &tool.name, async |_| schemas(tool))
            .await;
        run.case("tools.hints", &tool.name, async |_| hints(tool))
            .await;
    }
    run.case("script.complete", "", async |_| complete(&script, &listed))
        .await;
    calls::run(run, &script, &listed).await;
    offers::run(run, &script).await;
}

/// What a component has.
async fn list(run: &mut Run, script: &Tools) -> Result<Vec<ToolInfo>, Stop> {
    let plan = Some(Plan::lax(script.exchanges.clone()));
    let behind = run.subject.behind();
    let listed = run
        .subject
        .call(plan, async |plugin| plugin.tools(behind).await);
    let listed = listed.await.value;
    listed.map_err(|error| Stop::failed("a list of tools", told(&error)))
}

fn named(listed: &[ToolInfo]) -> Outcome {
    if listed.is_empty() {
        return Err(Stop::failed("a tool at least", "an empty list"));
    }
    let mut seen = BTreeSet::new();
    for tool in listed {
        let good = |c: char| c.is_ascii_alphanumeric() || "_-.".contains(c);
        let name = &tool.name;
        if name.is_empty() || name.len() > NAME || !name.chars().all(good) {
            return Err(Stop::failed(
                format!("names of letters, digits, `_`, `-` and `.`, at most {NAME}"),
                format!("{name:?}"),
            ));
        }
        if !seen.insert(name) {
            return Err(Stop::failed("each name once", format!("{name:?} twice")));
        }
        if tool.description.trim().is_empty() {
            return Err(Stop::failed(
                "a description for the model",
                format!("{name:?} has none"),
            ));
        }
    }
    Ok(())
}

fn schemas(tool: &ToolInfo) -> Outcome {
    let schemas = [
        Some(("arguments", &tool.input_schema)),
        tool.output_schema.as_ref().map(|it| ("results", it)),
    ];
    for (of, schema) in schemas.into_iter().flatten() {
        let checked = manifest::schema::validator(schema, 0);
        checked.map_err(|why| Stop::failed(format!("a schema of {of} that holds"), why))?;
        let value: Value = serde_json::from_str(schema).unwrap_or_default();
        if value["type"] != "object" {
            return Err(Stop::failed(
                format!("`\"type\": \"object\"` in the schema of {of}"),
                value["type"].to_string(),
            ));
        }
    }
    Ok(())
}

fn hints(tool: &ToolInfo) -> Outcome {
    match tool.read_only && tool.destructive {
        true => Err(Stop::failed(
            "one of the two",
            "it is `read-only` and `destructive`",
        )),
        false => Ok(()),
    }
}

/// Each tool has an example, or is left for a reason.
fn complete(script: &Tools, listed: &[ToolInfo]) -> Outcome {
    let known = |name: &str| script.examples.iter().any(|it| it.name == name);
    let missing = listed.iter().map(|tool| tool.name.as_str());
    let missing: Vec<&str> = missing
        .filter(|name| !known(name) && !script.leave.contains_key(*name))
        .collect();
    match missing.as_slice() {
        [] => Ok(()),
        missing => Err(Stop::failed(
            "a [[tool.example]] for each tool, or why it is left ([tool.leave])",
            format!("none of {}", missing.join(", ")),
        )),
    }
}

/// What goes between a component and the outside while an example runs.
fn plan(script: &Tools, example: &Example) -> Plan {
    match script.exchanges.is_empty() {
        true => Plan::strict(example.exchanges.clone()),
        false => Plan::lax(exchanges(script, example)),
    }
}

fn exchanges(script: &Tools, example: &Example) -> Vec<Exchange> {
    let all = script.exchanges.iter().chain(&example.exchanges);
    all.cloned().collect()
}

/// A result has what the contract wants of one.
fn sound(tool: Option<&ToolInfo>, result: &CallResult) -> Outcome {
    let said =
        |content: &ToolContent| !matches!(content, ToolContent::Text(text) if text.is_empty());
    if result.is_error && !result.content.iter().any(said) {
        return Err(Stop::failed(
            "a failure that says how it failed",
            "one without content",
        ));
    }
    let schema = tool.and_then(|tool| tool.output_schema.as_ref());
    match (&result.structured, schema) {
        _ if result.is_error => Ok(()),
        (None, Some(_)) => Err(Stop::failed(
            "a structured result, as there is a schema of results",
            "none",
        )),
        (None, None) => Ok(()),
        (Some(text), schema) => {
            let value: Value = serde_json::from_str(text).map_err(|error| {
                Stop::failed("a structured result that is JSON", error.to_string())
            })?;
            if !value.is_object() {
                return Err(Stop::failed("an object as structured result", text));
            }
            let Some(schema) = schema else { return Ok(()) };
            let schema = manifest::schema::validator(schema, text.len());
            let schema = schema.map_err(|why| Stop::failed("a schema that holds", why))?;
            match manifest::schema::faults(&schema, &value) {
                None => Ok(()),
                Some(faults) => Err(Stop::failed("a result that fits its schema", faults)),
            }
        }
    }
}
