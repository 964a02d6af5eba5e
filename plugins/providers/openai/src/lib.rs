//! Models behind OpenAI's API, and behind every server that speaks it.
//!
//! Translation is pure and lies in the modules; this file alone talks to the network.

mod calls;
mod chat;
mod config;
mod embed;
mod errors;
mod instructions;
mod leave_out;
mod media;
mod models;
mod provider_data;
mod responses;
mod schema;
mod user;

use evenhand_sdk::http::{Body, Request, Response};
use evenhand_sdk::types::*;
use evenhand_sdk::{Error, Generation, NativeRequest, Provider, StreamTranslator, stream};
use serde_json::Value;

use config::{Api, Config, Native};

/// Embeddings of a large batch are the biggest thing that comes whole; the sandbox's memory is the real limit.
const ANSWER_LIMIT: u64 = 64 << 20;

struct OpenAi;

impl Provider for OpenAi {
    const DIALECTS: &'static [&'static str] = &[chat::DIALECT, responses::DIALECT, embed::DIALECT];

    fn dialects() -> Vec<String> {
        // One that can't be read was refused by `check` before.
        let config = evenhand_sdk::config::<Config>().unwrap_or_default();
        config.native().map(|it| it.dialect().to_owned()).collect()
    }

    fn check() -> Result<(), Error> {
        evenhand_sdk::config::<Config>()?.check()
    }

    fn models() -> Result<Vec<ModelInfo>, Error> {
        let config: Config = evenhand_sdk::config()?;
        let response = send(config.request("GET", "/models", vec![]))?;
        Ok(models::read(&response.json(ANSWER_LIMIT)?))
    }

    fn generate(request: GenerateRequest) -> Result<Box<dyn Generation>, Error> {
        let config: Config = evenhand_sdk::config()?;
        match config.api() {
            Api::Responses => {
                let translated = responses::translate(&request, &config)?;
                let post = config.request("POST", Native::Responses.path(), vec![]);
                let response = send(post.json(&translated.body))?;
                let warnings = translated.warnings.into_events();
                let machine = responses::Machine::new(translated.names, warnings);
                answer(response, request.stream, machine, responses::Machine::whole)
            }
            Api::Chat => {
                let translated = chat::translate(&request, &config)?;
                let post = config.request("POST", Native::Chat.path(), vec![]);
                let response = send(post.json(&translated.body))?;
                let warnings = translated.warnings.into_events();
                let choices = request.sampling.choices.unwrap_or(1);
                let machine = chat::Machine::new(translated.names, warnings, choices);
                answer(response, request.stream, machine, chat::Machine::whole)
            }
        }
    }

    fn count_tokens(request: GenerateRequest) -> Result<TokenCount, Error> {
        let config: Config = evenhand_sdk::config()?;
        if config.api() == Api::Chat {
            return Err(Error::unsupported(format!(
                "{} cannot count tokens",
                request.model
            )));
        }
        let translated = responses::translate(&request, &config)?;
        let post = config.request("POST", "/responses/input_tokens", vec![]);
        let counted = send(post.json(&responses::count(&translated.body)))?;
        let counted = counted.json(ANSWER_LIMIT)?;
        let input_tokens = counted["input_tokens"].as_u64();
        let input_tokens = input_tokens
            .ok_or_else(|| Error::upstream("the vendor's answer has no `input_tokens`"))?;
        Ok(TokenCount {
            input_tokens,
            approximate: false,
        })
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
        let native = config.native().find(|it| it.dialect() == request.dialect);
        let native = native
            .ok_or_else(|| Error::unsupported(format!("{} is not spoken here", request.dialect)))?;
        let path = native.path();
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

/// The vendor's answer as it comes. Servers that can't stream answer whole though they were asked to.
fn answer<T: StreamTranslator + 'static>(
    response: Response,
    streams: bool,
    mut machine: T,
    whole: fn(&mut T, &Value, &mut Vec<Event>) -> Result<(), Error>,
) -> Result<Box<dyn Generation>, Error> {
    let is_json = response
        .header("content-type")
        .is_some_and(|kind| kind.starts_with("application/json"));
    if streams && !is_json {
        return Ok(stream(response.body(), machine));
    }
    let mut events = Vec::new();
    whole(&mut machine, &response.json(ANSWER_LIMIT)?, &mut events)?;
    Ok(Box::new(vec![events].into_iter()))
}

/// The vendor's answer, or its refusal as an error.
fn send(request: Request) -> Result<Response, Error> {
    request.send()?.error_for_status().map_err(errors::refusal)
}

evenhand_sdk::export_provider!(OpenAi);
