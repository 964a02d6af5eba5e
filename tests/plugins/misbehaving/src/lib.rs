//! A provider that does what a hostile or broken one would: the model's name says what, the last message with what.
//! Its `config` has the address of a vendor that the test runs.

mod outside;
mod work;

use evenhand_sdk::http::{Body, Request, Response};
use evenhand_sdk::types::*;
use evenhand_sdk::{Error, Generation, NativeRequest, Provider};

/// What a behaviour that begins an answer gives back.
type Answer = Result<Box<dyn Generation>, Error>;

#[derive(Default, serde::Deserialize)]
#[serde(default)]
struct Config {
    /// The vendor's origin.
    vendor: String,
    /// So many models are listed.
    models: Option<usize>,
}

struct Misbehaving;

impl Provider for Misbehaving {
    const DIALECTS: &'static [&'static str] = &["openai-chat"];

    fn models() -> Result<Vec<ModelInfo>, Error> {
        match evenhand_sdk::config::<Config>()?.models {
            Some(many) => Ok((0..many).map(|at| ModelInfo::new(at.to_string())).collect()),
            None => Ok(vec![ModelInfo::new("answer")]),
        }
    }

    fn generate(request: GenerateRequest) -> Answer {
        let said = request.messages.last().map(Message::text);
        let said = said.unwrap_or_default();
        match request.model.as_str() {
            "answer" => says("here"),
            "panic" => panic!("as asked"),
            "panic-later" => work::later(|| panic!("as asked")),
            "spin" => work::spin(),
            "spin-later" => work::later(|| work::spin()),
            "allocate" => work::allocate(&said),
            "flood" => work::flood(&said),
            "count" => work::count(),
            "remember" => work::remember(&said),
            "empty" => work::later(|| Ok(Some(Vec::new()))),
            "endless" => work::later(|| Ok(Some(vec![Event::text(0, "x".repeat(1 << 20))]))),
            "parts" => work::parts(),
            "unfinished" => Ok(events(vec![Event::started(None, None)])),
            "disorder" => Ok(events(vec![
                Event::text(7, "of a part that never began"),
                Event::started(None, None),
            ])),
            "fail" => Err(work::error(&said)),
            "fail-later" => work::later(move || Err(work::error(&said))),
            "handles" => outside::handles(&said),
            "send" => outside::send(&said),
            "stream" => outside::stream(),
            "weights" => outside::weights(&said),
            "environment" => outside::environment(),
            "files" => outside::files(),
            "sockets" => outside::sockets(&said),
            "embed" => outside::embed(&said),
            "accelerate" => outside::accelerate(&said),
            other => Err(Error::not_found(format!("no behaviour is named {other:?}"))),
        }
    }

    fn embed(request: EmbedRequest) -> Result<Embeddings, Error> {
        match request.model.as_str() {
            "panic" => panic!("as asked"),
            _ => work::spin(),
        }
    }

    fn count_tokens(request: GenerateRequest) -> Result<TokenCount, Error> {
        Ok(TokenCount {
            input_tokens: request.messages.len() as u64,
            approximate: true,
        })
    }

    fn forward(request: NativeRequest, body: Body) -> Result<Response, Error> {
        match request.model.as_str() {
            "panic" => panic!("as asked"),
            "spin" => work::spin(),
            path => {
                let request = Request::post(format!("{}/{path}", vendor()?)).body(body);
                request.credential("key").send()
            }
        }
    }
}

fn vendor() -> Result<String, Error> {
    evenhand_sdk::config::<Config>().map(|config| config.vendor)
}

fn says(text: &str) -> Answer {
    Ok(evenhand_sdk::answer(text, FinishReason::Stop))
}

fn events(batch: Vec<Event>) -> Box<dyn Generation> {
    Box::new(vec![batch].into_iter())
}

evenhand_sdk::export_provider!(Misbehaving);
