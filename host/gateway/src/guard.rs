//! Who may come in, and what of their request a vendor may see.

use std::net::IpAddr;

use audit::Who;
use axum::http::{HeaderMap, HeaderValue, Uri, header};
use calls::Caller;
use catalog::Snapshot;
use dialects::Dialect;
use subtle::ConstantTimeEq;
use types::{Error, ErrorCode};
use url::form_urlencoded;

/// Who sends a request of the data plane.
///
/// # Errors
/// A key is missing or unknown; without any, that it may have been sent by a web page.
pub fn caller(now: &Snapshot, headers: &HeaderMap) -> Result<Caller, Error> {
    if now.config.keys.is_empty() {
        local(headers)?;
        return Ok(Caller::Anyone);
    }
    let Some(shown) = credential(headers) else {
        return Err(unauthorised(
            "a key is missing: send it as `Authorization: Bearer …` or `x-api-key`",
        ));
    };
    // All are compared, so that the time tells nothing.
    let found = now.keys.iter().fold(None, |found, (key, secret)| {
        match bool::from(secret.as_bytes().ct_eq(shown.as_bytes())) {
            true => Some(key),
            false => found,
        }
    });
    match found {
        Some(key) => Ok(Caller::Key(key.clone())),
        None => Err(unauthorised("this key is not known here")),
    }
}

/// Who sends a request of the control plane.
pub(crate) fn operator(now: &Snapshot, headers: &HeaderMap) -> Result<Who, Error> {
    let listen = now.config.admin.as_ref().map(|admin| admin.listen.ip());
    no_page(listen, headers)?;
    let Some(token) = &now.admin_token else {
        return Ok(Who::Local);
    };
    let shown = credential(headers).unwrap_or_default();
    match bool::from(token.as_bytes().ct_eq(shown.as_bytes())) {
        true => Ok(Who::Token),
        false => Err(unauthorised(
            "the admin token is missing or wrong: send it as `Authorization: Bearer …`",
        )),
    }
}

fn unauthorised(message: &str) -> Error {
    Error::new(ErrorCode::Unauthorised, message)
}

fn credential(headers: &HeaderMap) -> Option<&str> {
    let text = |name: &str| headers.get(name)?.to_str().ok();
    let bearer = text("authorization").and_then(|value| {
        let (scheme, token) = value.split_once(' ')?;
        scheme.eq_ignore_ascii_case("bearer").then(|| token.trim())
    });
    text("x-api-key").or(bearer)
}

/// Browsers send an `Origin` with what a page's code sends, and with what it only shows (an image, a link) where it stands.
/// <https://www.w3.org/TR/fetch-metadata/>
fn of_a_page(headers: &HeaderMap) -> bool {
    let site = headers.get("sec-fetch-site");
    headers.contains_key(header::ORIGIN) || site.is_some_and(|site| site != "none")
}

/// No page comes from here, so that whoever names this host as their origin is a program, as MCP's clients may be; browsers say more.
fn names_itself(host: &str, headers: &HeaderMap) -> bool {
    let origin = headers.get(header::ORIGIN).map(HeaderValue::as_bytes);
    let own = origin.and_then(|origin| origin.strip_prefix(b"http://"));
    own == Some(host.as_bytes()) && !headers.contains_key("sec-fetch-site")
}

/// Where no key is asked for, only programs on this machine may come: a web page that the user looks at could otherwise spend
/// their money, by a name that leads here (DNS rebinding) or by a request from its own origin.
fn local(headers: &HeaderMap) -> Result<(), Error> {
    let host = host(headers);
    if !leads_to(host, |ip| ip.is_loopback()) {
        let message = format!(
            "the host {host:?} is not this machine; without a [[key]] only local programs are served"
        );
        return Err(Error::new(ErrorCode::Forbidden, message));
    }
    if of_a_page(headers) && !names_itself(host, headers) {
        let message =
            "requests of web pages (with an Origin) are refused while no [[key]] is configured";
        return Err(Error::new(ErrorCode::Forbidden, message));
    }
    Ok(())
}

/// No web page may reach the control plane, whatever it shows, from its own origin or by a name that leads here. Where the host
/// listens on every address, it can't know its names; there it is the token alone that a page lacks.
fn no_page(listen: Option<IpAddr>, headers: &HeaderMap) -> Result<(), Error> {
    if of_a_page(headers) {
        let message = "requests of web pages (with an Origin) are refused on the control plane";
        return Err(Error::new(ErrorCode::Forbidden, message));
    }
    let host = host(headers);
    let anywhere = listen.is_some_and(|ip| ip.is_unspecified());
    if !anywhere && !leads_to(host, |ip| ip.is_loopback() || listen == Some(ip)) {
        let message = format!(
            "the host {host:?} is not this control plane: call it by the address of admin.listen, or by a name of this machine's loopback"
        );
        return Err(Error::new(ErrorCode::Forbidden, message));
    }
    Ok(())
}

fn host(headers: &HeaderMap) -> &str {
    let host = headers
        .get(header::HOST)
        .and_then(|host| host.to_str().ok());
    host.unwrap_or_default()
}

/// Is it `localhost`, or an address that is meant?
fn leads_to(host: &str, meant: impl Fn(IpAddr) -> bool) -> bool {
    let name = host.parse::<Uri>().ok();
    let name = name.as_ref().and_then(Uri::host).unwrap_or_default();
    let address = name.trim_matches(['[', ']']).parse::<IpAddr>();
    name == "localhost" || address.is_ok_and(meant)
}

/// Fields that a vendor may see: what SDKs say about the request and themselves. Never credentials, cookies, or who forwarded it.
const VENDOR_FIELDS: &[&str] = &[
    "accept",
    "accept-language",
    "content-type",
    "idempotency-key",
    "user-agent",
];

/// The allow-list of header fields, applied.
pub(crate) fn vendor_headers(headers: &HeaderMap) -> Vec<(String, String)> {
    let allowed = headers.iter().filter(|(name, _)| {
        let name = name.as_str();
        VENDOR_FIELDS.contains(&name) || Dialect::is_api_field(name)
    });
    allowed
        .filter_map(|(name, value)| {
            Some((name.as_str().to_owned(), value.to_str().ok()?.to_owned()))
        })
        .collect()
}

/// The query without credentials, by their names after decoding; nothing where nothing is left.
pub(crate) fn vendor_query(query: &str) -> Option<String> {
    let is_credential = |pair: &&str| {
        let mut decoded = form_urlencoded::parse(pair.as_bytes());
        let name = decoded.next().map(|(name, _)| name.to_ascii_lowercase());
        let words = ["key", "token", "secret", "password", "signature"];
        name.is_some_and(|name| words.iter().any(|word| name.contains(word)))
    };
    let left: Vec<&str> = query
        .split('&')
        .filter(|pair| !is_credential(pair))
        .collect();
    (!left.is_empty()).then(|| left.join("&"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(fields: &[(&'static str, &'static str)]) -> HeaderMap {
        fields
            .iter()
            .map(|(name, value)| (name.parse().unwrap(), value.parse().unwrap()))
            .collect()
    }

    #[test]
    fn only_this_machine_is_local() {
        for host in ["127.0.0.1:8787", "localhost:1", "[::1]:80", "localhost"] {
            assert!(local(&headers(&[("host", host)])).is_ok(), "{host}");
        }
        for host in [
            "evil.example:8787",
            "10.0.0.1",
            "localhost.evil.example",
            "",
        ] {
            assert!(local(&headers(&[("host", host)])).is_err(), "{host}");
        }
        assert!(local(&headers(&[])).is_err());
        assert!(
            local(&headers(&[
                ("host", "localhost"),
                ("origin", "https://evil.example")
            ]))
            .is_err()
        );
        let program = [
            ("host", "127.0.0.1:8787"),
            ("origin", "http://127.0.0.1:8787"),
        ];
        assert!(local(&headers(&program)).is_ok());
        let page = [program[0], program[1], ("sec-fetch-site", "same-origin")];
        assert!(local(&headers(&page)).is_err());
        let other = [program[0], ("origin", "http://127.0.0.1:3000")];
        assert!(local(&headers(&other)).is_err());
        let renamed = [("host", "evil.example"), ("origin", "http://evil.example")];
        assert!(local(&headers(&renamed)).is_err());
    }

    #[test]
    fn no_page_reaches_the_control_plane() {
        fn admitted(listen: &str, fields: &[(&'static str, &'static str)]) -> bool {
            let listen = listen.parse().unwrap();
            no_page(Some(listen), &headers(fields)).is_ok()
        }
        for host in ["127.0.0.1:8788", "localhost:1", "[::1]:80"] {
            assert!(admitted("127.0.0.1", &[("host", host)]), "{host}");
            assert!(admitted("10.0.0.7", &[("host", host)]), "{host}");
        }
        assert!(admitted("10.0.0.7", &[("host", "10.0.0.7:8788")]));
        assert!(!admitted("10.0.0.7", &[("host", "10.0.0.8:8788")]));
        assert!(!admitted("127.0.0.1", &[("host", "evil.example")]));
        assert!(!admitted("10.0.0.7", &[("host", "evil.example")]));
        assert!(!admitted("127.0.0.1", &[]));
        let image = &[("host", "localhost"), ("sec-fetch-site", "cross-site")];
        assert!(!admitted("127.0.0.1", image));
        let typed = &[("host", "localhost"), ("sec-fetch-site", "none")];
        assert!(admitted("127.0.0.1", typed));
        let page = &[("host", "localhost"), ("origin", "http://localhost")];
        assert!(!admitted("127.0.0.1", page) && !admitted("0.0.0.0", page));
        assert!(admitted("0.0.0.0", &[("host", "ops.example")]));
    }

    #[test]
    fn vendors_see_no_credentials() {
        let seen = vendor_headers(&headers(&[
            ("authorization", "Bearer k"),
            ("x-api-key", "k"),
            ("cookie", "a=b"),
            ("x-forwarded-for", "1.2.3.4"),
            ("idempotency-key", "x"),
            ("content-type", "application/json"),
        ]));
        let mut names: Vec<&str> = seen.iter().map(|(name, _)| name.as_str()).collect();
        names.sort_unstable();
        assert_eq!(names, ["content-type", "idempotency-key"]);
        assert_eq!(
            vendor_query("beta=true&api_key=x&Key=y").as_deref(),
            Some("beta=true")
        );
        assert_eq!(vendor_query("k%65y=x"), None);
    }

    #[test]
    fn a_key_comes_in_either_field() {
        assert_eq!(
            credential(&headers(&[("authorization", "bearer k")])),
            Some("k")
        );
        assert_eq!(credential(&headers(&[("x-api-key", "k")])), Some("k"));
        assert_eq!(credential(&headers(&[("authorization", "Basic k")])), None);
    }
}
