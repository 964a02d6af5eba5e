//! A URL's normal form is final: what the rules judged is what is sent.
#![no_main]

use libfuzzer_sys::fuzz_target;
use url::Url;

fuzz_target!(|text: &str| {
    // Rules grant these schemes only.
    if let Ok(url) = Url::parse(text)
        && matches!(url.scheme(), "http" | "https")
    {
        assert_eq!(Url::parse(url.as_str()).as_ref().map(Url::as_str), Ok(url.as_str()));
    }
});
