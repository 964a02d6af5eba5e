use super::*;

struct Asked {
    enabled: Option<bool>,
    effort: Option<&'static str>,
    budget: Option<u32>,
    display: Option<&'static str>,
    max_tokens: Option<u32>,
}

const NOTHING: Asked = Asked {
    enabled: None,
    effort: None,
    budget: None,
    display: None,
    max_tokens: None,
};

/// The `thinkingConfig` that a model is sent, and how many warnings.
fn thinks(model: &str, asked: &Asked) -> (Value, usize) {
    let mut request = GenerateRequest::new(model, vec![user("Hi")]);
    request.sampling.max_tokens = asked.max_tokens;
    request.reasoning = Some(ReasoningOptions {
        enabled: asked.enabled,
        effort: asked.effort.map(Into::into),
        budget_tokens: asked.budget,
        display: asked.display.map(Into::into),
    });
    let (mut body, warned) = sent(&request);
    (
        body["generationConfig"]["thinkingConfig"].take(),
        warned.len(),
    )
}

#[test]
fn an_effort_is_a_level_or_tokens() {
    for (effort, level, tokens, warns) in [
        ("minimal", "MINIMAL", 1024, 0),
        ("low", "LOW", 1024, 0),
        ("medium", "MEDIUM", 8192, 0),
        ("high", "HIGH", 24_576, 0),
        ("xhigh", "XHIGH", 24_576, 0),
        ("max", "XHIGH", 24_576, 1),
    ] {
        let asked = Asked {
            effort: Some(effort),
            ..NOTHING
        };
        assert_eq!(
            thinks(MODEL, &asked),
            (json!({"thinkingLevel": level}), warns),
            "{effort}"
        );
        assert_eq!(
            thinks(EARLIER, &asked),
            (json!({"thinkingBudget": tokens}), 0),
            "{effort}"
        );
    }
    let least = Asked {
        effort: Some("minimal"),
        ..NOTHING
    };
    assert_eq!(
        thinks("gemini-3-pro", &least),
        (json!({"thinkingLevel": "LOW"}), 1)
    );
    let most = Asked {
        effort: Some("max"),
        ..NOTHING
    };
    assert_eq!(
        thinks("gemini-2.5-pro", &most),
        (json!({"thinkingBudget": 32_768}), 0)
    );
}

#[test]
fn a_budget_is_within_the_models_range_and_below_the_limit() {
    let budget = |budget, max_tokens| Asked {
        budget: Some(budget),
        max_tokens,
        ..NOTHING
    };
    for model in [MODEL, EARLIER] {
        assert_eq!(
            thinks(model, &budget(4096, Some(8192))),
            (json!({"thinkingBudget": 4096}), 0)
        );
        assert_eq!(
            thinks(model, &budget(60_000, None)),
            (json!({"thinkingBudget": 24_576}), 1)
        );
        assert_eq!(
            thinks(model, &budget(4096, Some(2000))),
            (json!({"thinkingBudget": 1999}), 1)
        );
    }
    assert_eq!(
        thinks("gemini-2.5-pro", &budget(1, None)),
        (json!({"thinkingBudget": 128}), 1)
    );
    assert_eq!(
        thinks("gemini-2.5-flash-lite", &budget(1, None)),
        (json!({"thinkingBudget": 512}), 1)
    );
    // Where there is no room for the least, there are no thoughts, or the least.
    assert_eq!(
        thinks(EARLIER, &budget(5, Some(1))),
        (json!({"thinkingBudget": 0}), 1)
    );
    assert_eq!(
        thinks("gemini-2.5-flash-lite", &budget(600, Some(500))),
        (json!({"thinkingBudget": 0}), 1)
    );
    assert_eq!(
        thinks("gemini-2.5-pro", &budget(600, Some(100))),
        (json!({"thinkingBudget": 128}), 1)
    );
    let both = Asked {
        effort: Some("low"),
        ..budget(4096, None)
    };
    assert_eq!(thinks(MODEL, &both), (json!({"thinkingLevel": "LOW"}), 1));
    assert_eq!(thinks(EARLIER, &both), (json!({"thinkingBudget": 4096}), 0));
}

#[test]
fn who_cannot_stop_is_asked_for_the_least() {
    for asked in [
        Asked {
            enabled: Some(false),
            ..NOTHING
        },
        Asked {
            effort: Some("none"),
            ..NOTHING
        },
    ] {
        assert_eq!(thinks(EARLIER, &asked), (json!({"thinkingBudget": 0}), 0));
        assert_eq!(
            thinks("gemini-2.5-pro", &asked),
            (json!({"thinkingBudget": 128}), 1)
        );
        assert_eq!(
            thinks(MODEL, &asked),
            (json!({"thinkingLevel": "MINIMAL"}), 1)
        );
        assert_eq!(
            thinks("gemini-3-pro", &asked),
            (json!({"thinkingLevel": "LOW"}), 1)
        );
    }
}

#[test]
fn thoughts_are_shown_where_asked_for() {
    let on = Asked {
        enabled: Some(true),
        ..NOTHING
    };
    assert_eq!(thinks(MODEL, &on), (json!({"includeThoughts": true}), 0));
    assert_eq!(
        thinks(EARLIER, &on),
        (json!({"thinkingBudget": -1, "includeThoughts": true}), 0)
    );
    for (display, config, warns) in [
        ("omitted", Value::Null, 0),
        ("auto", json!({"includeThoughts": true}), 0),
        ("summarized", json!({"includeThoughts": true}), 0),
        ("detailed", json!({"includeThoughts": true}), 1),
        ("sung", Value::Null, 1),
    ] {
        let asked = Asked {
            display: Some(display),
            enabled: Some(true),
            ..NOTHING
        };
        assert_eq!(thinks(MODEL, &asked), (config, warns), "{display}");
    }
    assert_eq!(thinks(MODEL, &NOTHING), (Value::Null, 0));
    assert_eq!(sent(&ask(vec![user("Hi")])).0.get("generationConfig"), None);
}
