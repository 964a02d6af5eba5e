//! A model that plays a script: no intelligence, for examples and tests in which a model must plan.
//!
//! `config` has scripts. Each is a model of its own: a list of steps, of which the next one is played whenever the model is asked.
//! A step says something, calls tools, or both; what stands between `{{` and `}}` is filled in from the person's message and from
//! results of tools (see [`fill`]). The rest of a request is not looked at.

mod fill;
mod script;

use evenhand_sdk::types::*;
use evenhand_sdk::{Error, Generation, Provider};
use serde::Deserialize;

use script::Script;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Config {
    models: Vec<Script>,
}

fn config() -> Result<Config, Error> {
    let config: Config = evenhand_sdk::config()?;
    config.models.iter().try_for_each(Script::check)?;
    Ok(config)
}

struct Scripted;

impl Provider for Scripted {
    fn check() -> Result<(), Error> {
        config().map(drop)
    }

    fn models() -> Result<Vec<ModelInfo>, Error> {
        let models = config()?.models.into_iter().map(|script| ModelInfo {
            display_name: Some(format!("{} (scripted: no intelligence)", script.name)),
            tasks: vec![Task::Generate],
            ..ModelInfo::new(script.name)
        });
        Ok(models.collect())
    }

    fn generate(request: GenerateRequest) -> Result<Box<dyn Generation>, Error> {
        let models = config()?.models;
        let script = models.iter().find(|script| script.name == request.model);
        let script = script
            .ok_or_else(|| Error::not_found(format!("there is no script {:?}", request.model)))?;
        let parts = script.play(&request)?;
        let calls = |part: &Part| matches!(part.content, Content::ToolCall(_));
        let reason = match parts.iter().any(calls) {
            true => FinishReason::ToolCalls,
            false => FinishReason::Stop,
        };
        let mut batches = vec![vec![Event::started(None, Some(request.model))]];
        for (index, part) in (0..).zip(parts) {
            batches.push(events(index, part));
        }
        batches.push(vec![Event::finished(reason)]);
        Ok(Box::new(batches.into_iter()))
    }
}

/// A part, text word by word as models write.
fn events(index: u32, part: Part) -> Vec<Event> {
    match &part.content {
        Content::Text(text) => {
            let mut events = vec![Event::part_started(index, PartKind::Text)];
            let words = text.text.split_inclusive(' ');
            events.extend(words.map(|word| Event::text(index, word)));
            events.push(Event::part_ended(index, None));
            events
        }
        _ => vec![Event::Part(WholePart {
            choice: 0,
            index,
            part,
        })],
    }
}

evenhand_sdk::export_provider!(Scripted);
