//! Models behind Anthropic's API, and behind every server that speaks it.
//!
//! Translation is pure and lies in the modules; this file alone talks to the network.

mod blocks;
mod citations;
mod config;
mod errors;
mod media;
mod models;
mod part;
mod request;
mod stream;
mod thinking;
mod tools;
mod turns;
mod usage;
mod web_search;

use evenhand_sdk::http::{Body, Request, Response};
use evenhand_sdk::types::*;
use evenhand_sdk::{Error, Generation, NativeRequest, Provider, log, stream};

use config::Config;
use stream::Machine;

/// Bytes of what comes whole; the sandbox's memory is the real limit.
const ANSWER_LIMIT: u64 = 64 << 20;

/// Pages of a thousand models each; a server that never ends its list is not followed further.
const MOST_PAGES: usize = 20;

const MESSAGES: &str = "/v1/messages";
const COUNT: &str = "/v1/messages/count_tokens";

struct Anthropic;

impl Provider for Anthropic {
    const DIALECTS: &'static [&'static str] = &[request::DIALECT, request::COUNT_DIALECT];

    fn check() -> Result<(), Error> {
        evenhand_sdk::config::<Config>().map(drop)
    }

    fn models() -> Result<Vec<ModelInfo>, Error> {
        let config: Config = evenhand_sdk::config()?;
        let mut all = Vec::new();
        let mut after = None;
        for _ in 0..MOST_PAGES {
            let path = models::path(after.as_deref());
            let response = send(config.request("GET", &path, vec![], &[]))?;
            let page = response.json(ANSWER_LIMIT)?;
            all.extend(models::read(&page));
            let next = models::next(&page);
            if next.is_none() || next == after {
                return Ok(all);
            }
            after = next;
        }
        Err(Error::upstream(format!(
            "the vendor's list of models has over {MOST_PAGES} pages"
        )))
    }

    fn generate(request: GenerateRequest) -> Result<Box<dyn Generation>, Error> {
        let config: Config = evenhand_sdk::config()?;
        let translated = request::translate(&request, &config)?;
        let post = config.request("POST", MESSAGES, vec![], &translated.betas);
        let response = send(post.json(&translated.body))?;
        let warnings = translated.warnings.into_events();
        let mut machine = Machine::new(translated.names, translated.thoughts, warnings);
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

    fn count_tokens(request: GenerateRequest) -> Result<TokenCount, Error> {
        let config: Config = evenhand_sdk::config()?;
        let translated = request::translate(&request, &config)?.into_counted();
        let post = config.request("POST", COUNT, vec![], &translated.betas);
        let answer = send(post.json(&translated.body))?.json(ANSWER_LIMIT)?;
        let input_tokens = answer["input_tokens"].as_u64();
        Ok(TokenCount {
            input_tokens: input_tokens
                .ok_or_else(|| Error::upstream("the vendor counted no `input_tokens`"))?,
            approximate: false,
        })
    }

    fn forward(request: NativeRequest, body: Body) -> Result<Response, Error> {
        let config: Config = evenhand_sdk::config()?;
        let path = match request.dialect.as_str() {
            request::DIALECT => MESSAGES,
            request::COUNT_DIALECT => COUNT,
            other => return Err(Error::unsupported(format!("{other} is not spoken here"))),
        };
        let path = match &request.query {
            Some(query) => format!("{path}?{query}"),
            None => path.into(),
        };
        let mut headers = request.headers;
        let betas = config.admit(config::take_betas(&mut headers));
        for beta in betas.refused {
            let message = format!("beta `{beta}` is not among `allowed_betas`: not asked for");
            log::write(log::Level::Warn, &message);
        }
        let typed = headers.iter().any(|(name, _)| name == "content-type");
        let mut post = config.request("POST", &path, headers, &betas.allowed);
        if !typed {
            post = post.header("content-type", "application/json");
        }
        post.body(body).send()
    }
}

/// The vendor's answer, or its refusal as an error.
fn send(request: Request) -> Result<Response, Error> {
    request.send()?.error_for_status().map_err(errors::refusal)
}

evenhand_sdk::export_provider!(Anthropic);
