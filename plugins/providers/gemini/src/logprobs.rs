use evenhand_sdk::types::TokenLogprob;
use serde_json::Value;

/// How likely the tokens were, and which others.
pub(crate) fn read(result: &Value) -> Vec<TokenLogprob> {
    let chosen = result["chosenCandidates"].as_array().into_iter().flatten();
    let tokens = chosen.enumerate().map(|(at, chosen)| {
        let top = result["topCandidates"][at]["candidates"].as_array();
        let (text, logprob) = token(chosen);
        TokenLogprob {
            token: text,
            logprob,
            bytes: None,
            top: top.into_iter().flatten().map(token).collect(),
        }
    });
    tokens.collect()
}

fn token(candidate: &Value) -> (String, f64) {
    let token = candidate["token"].as_str().unwrap_or_default();
    // Zero is left out in JSON made of protocol buffers.
    let logprob = candidate["logProbability"].as_f64().unwrap_or(0.0);
    (token.into(), logprob)
}
