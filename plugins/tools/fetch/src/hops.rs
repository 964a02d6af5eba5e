//! Requests and the redirects that they meet. The host follows none, so that its grant is asked for each.

use evenhand_sdk::http::Request;
use evenhand_sdk::types::ErrorCode;
use evenhand_sdk::{Error, Failure};
use url::Url;

use crate::answer::Answer;

/// Most redirects of one request.
const HOPS: usize = 5;

/// Header fields that describe a body, which go with it.
const OF_A_BODY: [&str; 4] = [
    "content-encoding",
    "content-language",
    "content-length",
    "content-type",
];

/// Sends one request.
pub(crate) type Host<'a> = dyn Fn(&Ask) -> Result<Answer, Error> + 'a;

/// What to ask.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Ask {
    pub(crate) method: String,
    pub(crate) url: Url,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Option<String>,
}

impl Ask {
    pub(crate) fn new(method: &str, url: &str) -> Result<Self, Failure> {
        let parsed = Url::parse(url)
            .map_err(|e| Failure::correct(format!("`{url}` is no absolute URL: {e}")))?;
        Ok(Self {
            method: method.into(),
            url: parsed,
            headers: Vec::new(),
            body: None,
        })
    }

    /// Sends it and reads at most `most` bytes of the answer's body.
    pub(crate) fn send(&self, most: u64) -> Result<Answer, Error> {
        let request = Request::new(&self.method, self.url.as_str());
        let request = request.headers(self.headers.iter().cloned());
        let response = match &self.body {
            Some(body) => request.text(body.clone()).send()?,
            None => request.send()?,
        };
        let (status, location) = (response.status(), response.header("location"));
        let content_type = response.header("content-type");
        let body = response.body();
        let (mut bytes, mut whole) = (Vec::new(), true);
        while let Some(chunk) = body.read()? {
            bytes.extend_from_slice(&chunk);
            if bytes.len() as u64 > most {
                bytes.truncate(usize::try_from(most).unwrap_or(usize::MAX));
                whole = false;
                break;
            }
        }
        Ok(Answer {
            url: self.url.to_string(),
            status,
            location,
            content_type,
            bytes,
            whole,
        })
    }

    /// The request that a redirect asks for (RFC 9110, 15.4).
    fn redirected(mut self, status: u16, location: &str) -> Result<Self, Failure> {
        let url = self.url.join(location).map_err(|e| {
            let from = &self.url;
            Failure::correct(format!(
                "{from} leads to `{location}`, which is no URL: {e}"
            ))
        })?;
        let becomes_get = match status {
            303 => self.method != "HEAD",
            301 | 302 => self.method == "POST",
            _ => false,
        };
        if becomes_get {
            self.method = "GET".into();
            self.body = None;
            let of_body = |name: &str| OF_A_BODY.iter().any(|of| name.eq_ignore_ascii_case(of));
            self.headers.retain(|(name, _)| !of_body(name));
        }
        if url.origin() != self.url.origin() {
            // What was meant for one is not for another to read.
            let general = |name: &str| {
                let kept = OF_A_BODY
                    .iter()
                    .chain(&["accept", "accept-language", "user-agent"]);
                kept.into_iter().any(|of| name.eq_ignore_ascii_case(of))
            };
            self.headers.retain(|(name, _)| general(name));
        }
        self.url = url;
        Ok(self)
    }
}

/// Sends a request, and those that redirects ask for.
pub(crate) fn follow(mut ask: Ask, host: &Host) -> Result<Answer, Failure> {
    for _ in 0..=HOPS {
        let answer = host(&ask).map_err(|error| told(&ask, error))?;
        match (answer.status, &answer.location) {
            (301 | 302 | 303 | 307 | 308, Some(location)) => {
                ask = ask.redirected(answer.status, location)?;
            }
            _ => return Ok(answer),
        }
    }
    let message = format!("over {HOPS} redirects, the last to {}", ask.url);
    Err(Failure::correct(message))
}

/// Another URL may do, so the model hears of it, the grant's refusal included. The plugin's own limits are not its to correct.
fn told(ask: &Ask, error: Error) -> Failure {
    match error.code {
        ErrorCode::RateLimited | ErrorCode::Overloaded | ErrorCode::Internal => {
            Failure::Error(error)
        }
        _ => Failure::correct(format!("{} {}: {}", ask.method, ask.url, error.message)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::cell::RefCell;

    /// Answers with redirects: from, status, to. Everything else is 200.
    fn followed(ask: Ask, redirects: &[(&str, u16, &str)]) -> (Result<Answer, Failure>, Vec<Ask>) {
        let asked = RefCell::new(Vec::new());
        let host = |ask: &Ask| {
            asked.borrow_mut().push(ask.clone());
            let found = redirects
                .iter()
                .find(|(from, ..)| *from == ask.url.as_str());
            Ok(Answer {
                url: ask.url.to_string(),
                status: found.map_or(200, |(_, status, _)| *status),
                location: found.map(|(.., to)| (*to).into()),
                content_type: None,
                bytes: vec![],
                whole: true,
            })
        };
        let result = follow(ask, &host);
        (result, asked.into_inner())
    }

    fn post() -> Ask {
        let mut ask = Ask::new("POST", "https://a.example/x").unwrap();
        let headers = [
            ("Content-Type", "text/plain"),
            ("x-token", "t"),
            ("accept", "*/*"),
        ];
        ask.headers
            .extend(headers.map(|(name, value)| (name.into(), value.into())));
        ask.body = Some("body".into());
        ask
    }

    fn names(ask: &Ask) -> Vec<&str> {
        ask.headers.iter().map(|(name, _)| name.as_str()).collect()
    }

    #[test]
    fn a_redirect_is_asked_for_as_a_request_of_its_own() {
        let ask = Ask::new("GET", "https://a.example/x/y").unwrap();
        let redirects = [
            ("https://a.example/x/y", 301, "../z?q=1"),
            ("https://a.example/z?q=1", 302, "//b.example/"),
        ];
        let (answer, asked) = followed(ask, &redirects);
        assert_eq!(answer.unwrap().url, "https://b.example/");
        assert_eq!(asked.len(), 3);
        assert!(asked.iter().all(|ask| ask.method == "GET"));
    }

    #[test]
    fn a_post_is_repeated_only_where_the_server_says_so() {
        for (status, method, body) in [
            (303, "GET", None),
            (302, "GET", None),
            (307, "POST", Some("body")),
        ] {
            let (_, asked) = followed(post(), &[("https://a.example/x", status, "/y")]);
            assert_eq!(asked[1].method, method, "{status}");
            assert_eq!(asked[1].body.as_deref(), body, "{status}");
            assert_eq!(names(&asked[1]).contains(&"Content-Type"), body.is_some());
            assert!(names(&asked[1]).contains(&"x-token"));
        }
    }

    #[test]
    fn another_origin_reads_no_fields_that_were_not_meant_for_it() {
        let (_, asked) = followed(
            post(),
            &[("https://a.example/x", 308, "http://a.example/x")],
        );
        assert_eq!(names(&asked[1]), ["Content-Type", "accept"]);
    }

    #[test]
    fn redirects_end() {
        let ask = Ask::new("GET", "https://a.example/").unwrap();
        let (answer, asked) = followed(ask, &[("https://a.example/", 302, "/")]);
        assert!(matches!(answer, Err(Failure::Correctable(_))));
        assert_eq!(asked.len(), HOPS + 1);
    }

    #[test]
    fn a_refusal_names_the_rule() {
        let ask = Ask::new("GET", "https://a.example/").unwrap();
        let refused = |_: &Ask| Err(Error::new(ErrorCode::RefusedByPolicy, "no rule allows it"));
        let Err(Failure::Correctable(message)) = follow(ask, &refused) else {
            panic!("it isn't told");
        };
        assert_eq!(message, "GET https://a.example/: no rule allows it");
        let ask = Ask::new("GET", "https://a.example/").unwrap();
        let limited = |_: &Ask| Err(Error::new(ErrorCode::RateLimited, "wait"));
        assert!(matches!(follow(ask, &limited), Err(Failure::Error(_))));
    }

    #[test]
    fn a_relative_url_is_the_models_to_correct() {
        assert!(matches!(
            Ask::new("GET", "/x"),
            Err(Failure::Correctable(_))
        ));
    }
}
