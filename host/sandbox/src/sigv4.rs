//! AWS Signature Version 4: a credential that is never sent, but signs the request that is.

use std::time::SystemTime;

use anyhow::{Context, ensure};
use aws_credential_types::Credentials;
use aws_sigv4::http_request::{
    PayloadChecksumKind, PercentEncodingMode, SignableBody, SignableRequest, SigningSettings,
    UriPathNormalizationMode, sign,
};
use aws_sigv4::sign::v4::SigningParams;
use reqwest::Request;
use reqwest::header::{HeaderName, HeaderValue};
use types::Error;

use crate::egress::refused;
use crate::scrub::Masks;

/// The service that takes paths as they stand; all others want them normal and encoded once more.
const PLAIN_PATHS: &str = "s3";

/// Signs requests to one service of one region.
pub(crate) struct Signer {
    credentials: Credentials,
    region: String,
    service: String,
}

impl Signer {
    /// `value` is `ACCESS_KEY_ID:SECRET_ACCESS_KEY[:SESSION_TOKEN]`. The id is no secret: it stands in each request.
    pub(crate) fn new(
        value: &str,
        region: &str,
        service: &str,
        masks: &mut Masks,
    ) -> anyhow::Result<Self> {
        let mut parts = value.splitn(3, ':');
        let (id, key) = parts
            .next()
            .zip(parts.next())
            .context("for aws-sigv4 it is ACCESS_KEY_ID:SECRET_ACCESS_KEY[:SESSION_TOKEN]")?;
        let token = parts.next();
        ensure!(!id.is_empty(), "its access key id is empty");
        masks.add(key).context("its secret access key")?;
        if let Some(token) = token {
            masks.add(token).context("its session token")?;
        }
        Ok(Self {
            credentials: Credentials::new(id, key, token.map(Into::into), None, "evenhand"),
            region: region.into(),
            service: service.into(),
        })
    }

    /// Signs all that the request has now: what changes later makes the signature wrong.
    pub(crate) fn sign(&self, request: &mut Request, now: SystemTime) -> Result<(), Error> {
        let mut settings = SigningSettings::default();
        // Also where the service doesn't need it: a plugin's own field of this name must not stand.
        settings.payload_checksum_kind = PayloadChecksumKind::XAmzSha256;
        if self.service == PLAIN_PATHS {
            settings.percent_encoding_mode = PercentEncodingMode::Single;
            settings.uri_path_normalization_mode = UriPathNormalizationMode::Disabled;
        }
        let identity = self.credentials.clone().into();
        let params = SigningParams::builder()
            .identity(&identity)
            .region(&self.region)
            .name(&self.service)
            .time(now)
            .settings(settings)
            .build()
            .map_err(unsigned)?
            .into();
        let body = match request.body() {
            None => &[],
            Some(body) => body
                .as_bytes()
                .ok_or_else(|| refused("a body that streams can't be signed"))?,
        };
        let fields = request.headers().iter().map(|(name, value)| {
            let value = value.to_str().map_err(unsigned)?;
            Ok((name.as_str(), value))
        });
        let fields = fields.collect::<Result<Vec<_>, Error>>()?;
        let signable = SignableRequest::new(
            request.method().as_str(),
            request.url().as_str(),
            fields.into_iter(),
            SignableBody::Bytes(body),
        );
        let signed = sign(signable.map_err(unsigned)?, &params).map_err(unsigned)?;
        let (fields, _) = signed.into_parts().0.into_parts();
        for field in fields {
            let mut value = HeaderValue::from_str(field.value()).map_err(unsigned)?;
            value.set_sensitive(true);
            request
                .headers_mut()
                .insert(HeaderName::from_static(field.name()), value);
        }
        Ok(())
    }
}

fn unsigned(why: impl std::error::Error) -> Error {
    refused(format!("the request can't be signed: {why}"))
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    const KEY: &str = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY";

    fn signed(value: &str, fields: &[(&'static str, &str)], body: &'static str) -> Request {
        let mut masks = Masks::default();
        let signer = Signer::new(value, "us-east-1", "service", &mut masks).unwrap();
        let url = "https://example.amazonaws.com/".parse().unwrap();
        let mut request = Request::new(reqwest::Method::POST, url);
        for (name, value) in fields {
            request.headers_mut().insert(*name, value.parse().unwrap());
        }
        *request.body_mut() = Some(body.into());
        // 2015-08-30T12:36:00Z, as in the vectors.
        let then = SystemTime::UNIX_EPOCH + Duration::from_secs(1_440_938_160);
        signer.sign(&mut request, then).unwrap();
        request
    }

    /// `post-x-www-form-urlencoded` of the AWS signing test suite.
    #[test]
    fn a_request_is_signed_as_in_the_test_suite() {
        // What a plugin says itself doesn't count.
        let fields = [
            ("content-type", "application/x-www-form-urlencoded"),
            ("content-length", "13"),
            ("x-amz-content-sha256", "UNSIGNED-PAYLOAD"),
            ("x-amz-date", "20300101T000000Z"),
        ];
        let request = signed(&format!("AKIDEXAMPLE:{KEY}"), &fields, "Param1=value1");
        let field = |name: &str| request.headers()[name].to_str().unwrap();
        assert_eq!(
            field("authorization"),
            "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20150830/us-east-1/service/aws4_request, SignedHeaders=content-length;content-type;host;x-amz-content-sha256;x-amz-date, Signature=d3875051da38690788ef43de4db0d8f280229d82040bfac253562e56c3f20e0b"
        );
        assert_eq!(field("x-amz-date"), "20150830T123600Z");
        assert_eq!(
            field("x-amz-content-sha256"),
            "9095672bbd1f56dfc5b65f3e153adc8731a4a654192329106275f4c7b24d0b6e"
        );
    }

    #[test]
    fn a_session_token_is_sent_and_masked() {
        let token = "6e86291e8372ff2a2260956d9b8aae1d763fbf315fa00fa31553b73ebf194267";
        let value = format!("AKIDEXAMPLE:{KEY}:{token}");
        let request = signed(&value, &[], "");
        assert_eq!(request.headers()["x-amz-security-token"], token);
        let mut masks = Masks::default();
        Signer::new(&value, "r", "s", &mut masks).unwrap();
        let told = masks.mask(&format!("{KEY} {token}")).into_owned();
        assert!(told.chars().all(|c| "* ".contains(c)), "{told}");
    }

    #[test]
    fn what_is_no_pair_of_keys_is_refused_and_not_shown() {
        for value in [KEY, "AKIDEXAMPLE:short-key", &format!(":{KEY}")] {
            let error = Signer::new(value, "r", "s", &mut Masks::default()).err();
            let error = format!("{:#}", error.expect(value));
            assert!(
                !error.contains("short-key") && !error.contains(KEY),
                "{error}"
            );
        }
    }
}
