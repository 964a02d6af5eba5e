//! What a vendor's refusals become.

use types::ErrorCode;

use super::scenarios::request;
use super::{BOTH, word};
use crate::report::{Outcome, Stop};
use crate::run::Run;
use crate::script::{Exchange, Provider, Scenario, When};
use crate::stage::Plan;
use crate::subject::{End, code, told};

/// A status, and the codes of which it may be one. A vendor's own words may say more, but these have none.
const STATUSES: &[(u16, &[ErrorCode])] = &[
    (400, &[ErrorCode::BadRequest]),
    (401, &[ErrorCode::Unauthorised]),
    (403, &[ErrorCode::Forbidden, ErrorCode::Unauthorised]),
    (404, &[ErrorCode::NotFound]),
    (413, &[ErrorCode::TooLarge]),
    (418, &[]),
    (429, &[ErrorCode::RateLimited, ErrorCode::Overloaded]),
    (500, &[ErrorCode::Upstream]),
    (502, &[ErrorCode::Upstream, ErrorCode::Overloaded]),
    (503, &[ErrorCode::Overloaded, ErrorCode::Upstream]),
    (
        504,
        &[
            ErrorCode::TimedOut,
            ErrorCode::Upstream,
            ErrorCode::Overloaded,
        ],
    ),
    (302, &[]),
    (204, &[]),
];

/// Bodies of refusals: those of proxies and of nobody.
const BODIES: &[(&str, &str)] = &[
    ("application/json", ""),
    (
        "text/html",
        "<html><body><h1>502 Bad Gateway</h1></body></html>",
    ),
    ("application/json", "{\"error\":\"no\"}"),
    (
        "application/json",
        "{\"error\":{\"message\":null,\"type\":7,\"code\":[]},\"message\":{}}",
    ),
    ("application/json", "[[[{\"x\":"),
];

pub(super) async fn run(run: &mut Run, provider: &Provider) {
    let Some(text) = provider.scenario("text") else {
        return;
    };
    for (status, codes) in STATUSES {
        for when in BOTH {
            let of = format!("{status}, {}", word(when));
            run.case("error.status", &of, async |run| {
                refused(run, provider, text, when, *status, codes).await
            })
            .await;
        }
    }
}

/// The same exchange, with another answer.
pub(super) fn answers(exchange: &Exchange, status: u16, kind: &str, body: &str) -> Exchange {
    let mut other = Exchange {
        status,
        body: Some(body.into()),
        json: None,
        sse: None,
        body_file: None,
        ..exchange.clone()
    };
    other
        .headers
        .retain(|name, _| !name.eq_ignore_ascii_case("content-type"));
    other.headers.insert("content-type".into(), kind.into());
    other
}

async fn refused(
    run: &mut Run,
    provider: &Provider,
    scenario: &Scenario,
    when: When,
    status: u16,
    codes: &[ErrorCode],
) -> Outcome {
    for (kind, body) in BODIES {
        let mut exchanges = scenario.plays(when)?;
        if let Some(last) = exchanges.last_mut() {
            *last = answers(last, status, kind, body);
            last.headers.insert("retry-after".into(), "7".into());
        }
        let request = request(run, provider, scenario, when).await?;
        let heard = run.subject.generate(Plan::lax(exchanges), request).await;
        let End::Failed(error) = &heard.end else {
            return Err(Stop::failed(
                format!("an error of the status {status} with the body {body:?}"),
                format!("{:?}", heard.end),
            ));
        };
        if !codes.is_empty() && !codes.contains(&error.code) {
            let codes: Vec<&str> = codes.iter().map(|it| code(*it)).collect();
            return Err(Stop::failed(
                format!("{} of the body {body:?}", codes.join(" or ")),
                told(error),
            ));
        }
        if status < 400 {
            continue;
        }
        if error.upstream.as_ref().map(|it| it.status) != Some(status) {
            return Err(Stop::failed(
                format!("the vendor's status {status} in `upstream`"),
                format!("{:?}", error.upstream),
            ));
        }
        if error.message.trim().is_empty() {
            return Err(Stop::failed(
                "an error that says what happened",
                "an empty message",
            ));
        }
        if status == 429 && error.retry_after_ms != Some(7000) {
            return Err(Stop::failed(
                "retry_after_ms = 7000, as the vendor's `retry-after: 7` says",
                format!("{:?}", error.retry_after_ms),
            ));
        }
    }
    Ok(())
}
