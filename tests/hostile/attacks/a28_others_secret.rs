//! 28: asks for a secret that is another plugin's, and for names like it.

use evenhand_sdk::http::Request;
use hostile::Targets;

fn requests(to: Targets) -> Vec<Request> {
    [
        "api_key",
        "openai/api_key",
        "openai.api_key",
        "../openai/api_key",
        "EVENHAND_TEST_OPENAI_KEY",
        "*",
        "",
    ]
    .map(|name| Request::get(format!("{}/", to.granted)).credential(name))
    .into()
}

hostile::requests!(requests);
