//! Models of the vendor Acme. This file talks to the network; what it says and reads is in `acme.rs`.

mod acme;

use evenhand_sdk::http::Request;
use evenhand_sdk::types::*;
use evenhand_sdk::{Error, Generation, Provider, stream};
use serde::Deserialize;

/// What the operator may write under `config`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Config {
    #[serde(default = "base_url")]
    base_url: String,
}

fn base_url() -> String {
    "https://api.acme.example".into()
}

struct Acme;

impl Provider for Acme {
    fn check() -> Result<(), Error> {
        evenhand_sdk::config::<Config>().map(|_| ())
    }

    fn models() -> Result<Vec<ModelInfo>, Error> {
        Ok(vec![ModelInfo::new("acme-1")])
    }

    fn generate(request: GenerateRequest) -> Result<Box<dyn Generation>, Error> {
        let (body, warnings) = acme::translate(&request)?;
        let config: Config = evenhand_sdk::config()?;
        let post = Request::post(format!("{}/v1/answers", config.base_url)).credential("api_key");
        let response = post.json(&body).send()?.error_for_status()?;
        let answer = acme::Answer::new(request.model, warnings);
        Ok(stream(response.body(), answer))
    }
}

evenhand_sdk::export_provider!(Acme);
