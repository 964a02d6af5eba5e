//! Models behind OpenAI's API, and behind every server that speaks it.
//!
//! Translation is pure and lies in the modules; this file alone talks to the network.

mod choice;
mod config;
mod content;
mod embed;
mod errors;
mod media;
mod models;
mod request;
mod schema;
mod stream;
mod usage;

use evenhand_sdk::http::{Body, Request, Response};
use evenhand_sdk::types::*;
use evenhand_sdk::{Error, Generation, NativeRequest, Provider, stream};

use config::Config;
use stream::Machine;

/// Embeddings of a large batch are the biggest thing that comes whole; the sandbox's memory is the real limit.
const ANSWER_LIMIT: u64 = 64 << 20;

struct OpenAi;

impl Provider for OpenAi {
    const DIALECTS: &'static [&'static str] = &[request::DIALECT, embed::DIALECT];

    fn check() -> Result<(), Error> {
        evenhand_sdk::config::<Config>().map(drop)
    }

    fn models() -> Result<Vec<ModelInfo>, Error> {
        let config: Config = evenhand_sdk::config()?;
        let response = send(config.request("GET", "/models", vec![]))?;
        Ok(models::read(&response.json(ANSWER_LIMIT)?))
    }

    fn generate(request: GenerateRequest) -> Result<Box<dyn Generation>, Error> {
        let config: Config = evenhand_sdk::config()?;
        let translated = request::translate(&request, config.max_tokens_field)?;
        let post = config.request("POST", "/chat/completions", vec![]);
        let response = send(post.json(&translated.body))?;
        let choices = request.sampling.choices.unwrap_or(1);
        let warnings = translated.warnings.into_events();
        let mut machine = Machine::new(translated.names, warnings, choices);
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
        let inputs = match &request.input {
            EmbedInput::Texts(texts) => texts.len(),
            EmbedInput::Tokens(tokens) => tokens.len(),
        };
        let (body, warnings) = embed::translate(&request);
        let post = config.request("POST", "/embeddings", vec![]);
        let response = send(post.json(&body))?;
        embed::read(&response.json(ANSWER_LIMIT)?, inputs, warnings)
    }

    fn forward(request: NativeRequest, body: Body) -> Result<Response, Error> {
        let config: Config = evenhand_sdk::config()?;
        let path = match request.dialect.as_str() {
            request::DIALECT => "/chat/completions",
            embed::DIALECT => "/embeddings",
            other => return Err(Error::unsupported(format!("{other} is not spoken here"))),
        };
        let path = match &request.query {
            Some(query) => format!("{path}?{query}"),
            None => path.into(),
        };
        config
            .request("POST", &path, request.headers)
            .body(body)
            .send()
    }
}

/// The vendor's answer, or its refusal as an error.
fn send(request: Request) -> Result<Response, Error> {
    request.send()?.error_for_status().map_err(errors::refusal)
}

evenhand_sdk::export_provider!(OpenAi);
