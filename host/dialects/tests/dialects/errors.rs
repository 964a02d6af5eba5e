use dialects::{Dialect, ListedModel};
use serde_json::json;
use types::{Error, ErrorCode, UpstreamError, neutral::ModelInfo};

fn from_vendor(status: u16, body: serde_json::Value) -> Error {
    Error {
        upstream: Some(UpstreamError {
            status,
            body: body.to_string(),
        }),
        ..Error::new(ErrorCode::RateLimited, "slow down, says the vendor")
    }
}

#[test]
fn own_errors_have_each_dialects_shape() {
    let error = Error::bad_request("messages[0].role is required").at("messages[0].role");
    assert_eq!(
        Dialect::OpenAi.error_body(&error),
        json!({ "error": {
            "message": "messages[0].role is required",
            "type": "invalid_request_error",
            "param": "messages[0].role",
            "code": null,
        } })
    );
    assert_eq!(
        Dialect::Anthropic.error_body(&error),
        json!({ "type": "error", "error": {
            "type": "invalid_request_error",
            "message": "messages[0].role is required",
        } })
    );
    for (code, openai, anthropic) in [
        (ErrorCode::BadRequest, 400, 400),
        (ErrorCode::Unauthorised, 401, 401),
        (ErrorCode::NotFound, 404, 404),
        (ErrorCode::Conflict, 409, 409),
        (ErrorCode::TooLarge, 413, 413),
        (ErrorCode::RateLimited, 429, 429),
        (ErrorCode::PluginFailed, 502, 502),
        (ErrorCode::Overloaded, 503, 529),
        (ErrorCode::TimedOut, 504, 504),
    ] {
        let error = Error::new(code, "x");
        assert_eq!(Dialect::OpenAi.status(&error), openai);
        assert_eq!(Dialect::Anthropic.status(&error), anthropic);
    }
}

#[test]
fn an_error_that_only_resembles_the_dialects_is_written_anew() {
    // Google's has a message too, but a number as its code and no type.
    let said = json!({ "error": { "code": 429, "message": "m", "status": "RESOURCE_EXHAUSTED" } });
    let written = Dialect::OpenAi.error_body(&from_vendor(429, said));
    assert_eq!(
        written["error"],
        json!({ "message": "slow down, says the vendor", "type": "rate_limit_error", "param": null, "code": "rate_limit_exceeded" })
    );
}

#[test]
fn a_vendors_error_reaches_clients_of_its_shape_as_it_is() {
    let object = json!({ "message": "m", "type": "t", "param": null, "code": "c", "extra": 1 });
    let error = from_vendor(422, json!({ "error": object }));
    assert_eq!(Dialect::OpenAi.error_body(&error)["error"], object);
    assert_eq!(Dialect::OpenAi.status(&error), 422);
    let other = &Dialect::Anthropic.error_body(&error)["error"];
    assert_eq!(other["message"], "slow down, says the vendor");
    assert_eq!(other["type"], "rate_limit_error");

    let object = json!({ "type": "overloaded_error", "message": "m", "details": { "a": 1 } });
    let error = from_vendor(529, json!({ "type": "error", "error": object }));
    assert_eq!(Dialect::Anthropic.error_body(&error)["error"], object);
    assert_eq!(
        Dialect::OpenAi.error_body(&error)["error"]["message"],
        "slow down, says the vendor"
    );
}

#[test]
fn what_an_sdk_says_reaches_the_vendor_but_not_who_pays() {
    for (name, passes) in [
        ("anthropic-beta", true),
        ("openai-beta", true),
        ("x-stainless-os", true),
        ("openai-organization", false),
        ("openai-project", false),
        ("anthropic-workspace-id", false),
        ("authorization", false),
    ] {
        assert_eq!(Dialect::is_api_field(name), passes, "{name}");
    }
}

#[test]
fn models() {
    let known = ListedModel {
        id: "a/b".into(),
        owned_by: "a".into(),
        info: Some(ModelInfo {
            id: "b".into(),
            display_name: Some("B".into()),
            created: Some(1_739_923_200),
            tasks: vec![],
            max_input_tokens: Some(1000),
            max_output_tokens: None,
            owned_by: None,
            raw: None,
        }),
    };
    let route = ListedModel {
        id: "smart".into(),
        owned_by: "evenhand".into(),
        info: None,
    };
    assert_eq!(
        Dialect::OpenAi.models(&[known.clone(), route.clone()]),
        json!({ "object": "list", "data": [
            { "id": "a/b", "object": "model", "created": 1_739_923_200, "owned_by": "a" },
            { "id": "smart", "object": "model", "created": 0, "owned_by": "evenhand" },
        ] })
    );
    assert_eq!(
        Dialect::Anthropic.models(&[known, route]),
        json!({
            "data": [
                {
                    "type": "model", "id": "a/b", "display_name": "B",
                    "created_at": "2025-02-19T00:00:00Z", "lifecycle": "active", "max_input_tokens": 1000,
                },
                {
                    "type": "model", "id": "smart", "display_name": "smart",
                    "created_at": "1970-01-01T00:00:00Z", "lifecycle": "active",
                },
            ],
            "has_more": false, "first_id": "a/b", "last_id": "smart",
        })
    );
}

#[test]
fn a_vendor_says_when_a_model_ends() {
    let stage = |raw: Option<&str>| {
        let model = ListedModel {
            id: "a/b".into(),
            owned_by: "a".into(),
            info: Some(ModelInfo {
                id: "b".into(),
                display_name: None,
                created: None,
                tasks: vec![],
                max_input_tokens: None,
                max_output_tokens: None,
                owned_by: None,
                raw: raw.map(Into::into),
            }),
        };
        Dialect::Anthropic.model(&model)["lifecycle"].clone()
    };
    assert_eq!(stage(None), "active");
    assert_eq!(stage(Some(r#"{"lifecycle":"deprecated"}"#)), "deprecated");
    assert_eq!(stage(Some(r#"{"lifecycle":"LEGACY"}"#)), "active");
}
