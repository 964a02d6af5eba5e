//! Models behind Google's Gemini API.
//!
//! Translation is pure and lies in the modules; this file alone talks to the network.

mod candidate;
mod citations;
mod config;
mod embed;
mod errors;
mod finish;
mod ids;
mod logprobs;
mod media;
mod models;
mod names;
mod open;
mod parts;
mod request;
mod results;
mod schema;
mod sound;
mod stream;
mod thinking;
mod tools;
mod turns;
mod usage;

use evenhand_sdk::http::{Request, Response};
use evenhand_sdk::types::*;
use evenhand_sdk::{Error, Generation, Provider, stream};
use serde_json::{Value, json};

use config::Config;
use stream::Machine;

/// Bytes of what comes whole; the sandbox's memory is the real limit.
const ANSWER_LIMIT: u64 = 64 << 20;

/// Pages of a thousand models each; a server that never ends its list is not followed further.
const MOST_PAGES: usize = 20;

struct Gemini;

impl Provider for Gemini {
    fn check() -> Result<(), Error> {
        evenhand_sdk::config::<Config>()?.check()
    }

    fn models() -> Result<Vec<ModelInfo>, Error> {
        let config: Config = evenhand_sdk::config()?;
        let mut all = Vec::new();
        let mut token = None;
        for _ in 0..MOST_PAGES {
            let path = models::path(token.as_deref());
            let page = send(config.request("GET", &path))?.json(ANSWER_LIMIT)?;
            all.extend(models::read(&page));
            let next = models::next(&page);
            if next.is_none() || next == token {
                return Ok(all);
            }
            token = next;
        }
        Err(Error::upstream(format!(
            "the vendor's list of models has over {MOST_PAGES} pages"
        )))
    }

    fn generate(request: GenerateRequest) -> Result<Box<dyn Generation>, Error> {
        let config: Config = evenhand_sdk::config()?;
        let translated = request::translate(&request, &config)?;
        let method = match request.stream {
            true => "streamGenerateContent?alt=sse",
            false => "generateContent",
        };
        let response = post(&config, &request.model, method, &translated.body)?;
        let warnings = translated.warnings.into_events();
        let choices = request.sampling.choices.unwrap_or(1);
        let tier = response.header("x-gemini-service-tier");
        let mut machine = Machine::new(translated.names, warnings, choices).served_by(tier);
        // Servers that can't stream answer whole though they were asked to.
        let whole = response
            .header("content-type")
            .is_some_and(|kind| kind.starts_with("application/json"));
        if whole || !request.stream {
            let mut events = Vec::new();
            machine.whole(&response.json(ANSWER_LIMIT)?, &mut events)?;
            return Ok(Box::new(vec![events].into_iter()));
        }
        Ok(stream(response.body(), machine))
    }

    fn embed(request: EmbedRequest) -> Result<Embeddings, Error> {
        let config: Config = evenhand_sdk::config()?;
        let (batches, warnings) = embed::translate(&request, &config)?;
        let mut answers = Vec::new();
        for batch in &batches {
            let answer = post(&config, &request.model, "batchEmbedContents", &batch.body)?;
            answers.push((batch.inputs, answer.json(ANSWER_LIMIT)?));
        }
        embed::read(&answers, warnings)
    }

    fn count_tokens(request: GenerateRequest) -> Result<TokenCount, Error> {
        let config: Config = evenhand_sdk::config()?;
        let mut body = request::translate(&request, &config)?.body;
        body["model"] = json!(config::resource(&request.model)?);
        let body = json!({"generateContentRequest": body});
        let answer = post(&config, &request.model, "countTokens", &body)?;
        let counted: Value = answer.json(ANSWER_LIMIT)?;
        let input_tokens = counted["totalTokens"].as_u64();
        Ok(TokenCount {
            input_tokens: input_tokens
                .ok_or_else(|| Error::upstream("the vendor counted no `totalTokens`"))?,
            approximate: false,
        })
    }
}

fn post(config: &Config, model: &str, method: &str, body: &Value) -> Result<Response, Error> {
    let path = format!("/{}:{method}", config::resource(model)?);
    send(config.request("POST", &path).json(body))
}

/// The vendor's answer, or its refusal as an error.
fn send(request: Request) -> Result<Response, Error> {
    request.send()?.error_for_status().map_err(errors::refusal)
}

evenhand_sdk::export_provider!(Gemini);
