//! Models behind Amazon Bedrock: Converse and ConverseStream, CountTokens, and InvokeModel for embeddings.
//!
//! Translation is pure and lies in the modules; this file alone talks to the network. The host signs each request.

mod answer;
mod blocks;
mod citations;
mod config;
mod embed;
mod errors;
mod extra;
mod family;
mod frames;
mod media;
mod models;
mod part;
mod request;
mod stream;
mod thinking;
mod tools;
mod turns;
mod usage;

use evenhand_sdk::http::{Request, Response};
use evenhand_sdk::types::*;
use evenhand_sdk::{Error, Generation, Provider};
use serde_json::Value;

use answer::Answer;
use config::Config;
use models::List;
use stream::Machine;

/// Bytes of what comes whole; the sandbox's memory is the real limit.
const ANSWER_LIMIT: u64 = 64 << 20;

/// Pages of a list; a server that never ends its list is not followed further.
const MOST_PAGES: usize = 20;

/// Where the vendor names a request, for its support.
const REQUEST_ID: &str = "x-amzn-requestid";

struct Bedrock;

impl Provider for Bedrock {
    fn check() -> Result<(), Error> {
        evenhand_sdk::config::<Config>()?.check()
    }

    fn models() -> Result<Vec<ModelInfo>, Error> {
        let config: Config = evenhand_sdk::config()?;
        if !config.models.is_empty() {
            return Ok(models::named(&config.models));
        }
        let mut all = Vec::new();
        for list in [List::Models, List::Profiles] {
            let mut next = None;
            for page in 0.. {
                if page == MOST_PAGES {
                    return Err(Error::upstream(format!(
                        "the vendor's list of models has over {MOST_PAGES} pages"
                    )));
                }
                let get = config.control(&list.path(next.as_deref()))?;
                let said = send(get)?.json(ANSWER_LIMIT)?;
                all.extend(list.read(&said));
                next = list.next(&said);
                if next.is_none() {
                    break;
                }
            }
        }
        Ok(all)
    }

    fn generate(request: GenerateRequest) -> Result<Box<dyn Generation>, Error> {
        let config: Config = evenhand_sdk::config()?;
        let translated = request::translate(&request, &config)?;
        let operation = match request.stream {
            true => "converse-stream",
            false => "converse",
        };
        let post = config.runtime(&request.model, operation)?;
        let response = send(post.json(&translated.body))?;
        let id = response.header(REQUEST_ID);
        let mut machine = Machine::new(request.model, id, translated.answer);
        if !request.stream {
            let mut events = Vec::new();
            machine.whole(&response.json(ANSWER_LIMIT)?, &mut events)?;
            return Ok(Box::new(vec![events].into_iter()));
        }
        let body = response.body();
        Ok(Box::new(Answer::new(move || body.read(), machine)))
    }

    fn embed(request: EmbedRequest) -> Result<Embeddings, Error> {
        let config: Config = evenhand_sdk::config()?;
        let plan = embed::plan(&request, &config)?;
        let mut vectors = Vec::new();
        let mut tokens = Some(0);
        for body in &plan.bodies {
            let post = config.runtime(&request.model, "invoke")?;
            let response = send(post.header("accept", "application/json").json(body))?;
            let counted = response.header(embed::TOKENS);
            let said = response.json(ANSWER_LIMIT)?;
            let counted = counted.and_then(|count| count.parse().ok());
            let counted = counted.or_else(|| said["inputTextTokenCount"].as_u64());
            // Part of a sum is none.
            tokens = tokens
                .zip(counted)
                .map(|(sum, more): (u64, u64)| sum + more);
            vectors.extend(embed::read(&said)?);
        }
        embed::answer(request.model, plan, vectors, tokens)
    }

    fn count_tokens(request: GenerateRequest) -> Result<TokenCount, Error> {
        let config: Config = evenhand_sdk::config()?;
        let counted = request::translate(&request, &config)?.into_counted();
        // A count is the model's, wherever it runs: profiles have none of their own.
        let model = family::without_geography(&request.model);
        let post = config.runtime(model, "count-tokens")?;
        let said: Value = send(post.json(&counted))?.json(ANSWER_LIMIT)?;
        let input_tokens = said["inputTokens"].as_u64();
        Ok(TokenCount {
            input_tokens: input_tokens
                .ok_or_else(|| Error::upstream("the vendor counted no `inputTokens`"))?,
            approximate: false,
        })
    }
}

/// The vendor's answer, or its refusal as an error.
fn send(request: Request) -> Result<Response, Error> {
    let response = request.send()?;
    let kind = response.header(errors::KIND);
    response
        .error_for_status()
        .map_err(|refused| errors::refusal(refused, kind.as_deref()))
}

evenhand_sdk::export_provider!(Bedrock);
