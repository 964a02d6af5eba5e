//! How much the model should think.

use evenhand_sdk::Warnings;
use evenhand_sdk::types::*;
use serde_json::{Map, Value, json};

/// What a model of this name can think with, in tokens, as the vendor's page "Thinking" says. Models since Gemini 3 take
/// budgets too, for those who came from earlier ones.
#[derive(Debug, Clone, Copy)]
struct Range {
    least: u32,
    most: u32,
    /// It can be told not to think.
    can_stop: bool,
}

impl Range {
    fn of(model: &str) -> Self {
        let is = |word: &str| model.contains(word);
        let (least, most, can_stop) = match () {
            () if is("-pro") => (128, 32_768, false),
            () if is("-lite") => (512, 24_576, true),
            () => (1, 24_576, true),
        };
        Self {
            least,
            most,
            can_stop,
        }
    }
}

/// The `thinkingConfig` of a request, if it says anything of thinking.
pub(crate) fn config(
    request: &GenerateRequest,
    earlier: bool,
    warnings: &mut Warnings,
) -> Option<Value> {
    let options = request.reasoning.as_ref()?;
    let range = Range::of(&request.model);
    let mut fields = Map::new();
    let effort = options.effort.as_deref();
    if options.enabled == Some(false) || effort == Some("none") {
        let (name, value) = stopped(range, earlier, warnings);
        fields.insert(name.into(), value);
        return Some(Value::Object(fields));
    }
    if let Some((name, value)) = amount(options, range, earlier, request, warnings) {
        fields.insert(name.into(), value);
    }
    if shows(options, warnings) {
        fields.insert("includeThoughts".into(), json!(true));
    }
    (!fields.is_empty()).then_some(Value::Object(fields))
}

/// As little as the model can.
fn stopped(range: Range, earlier: bool, warnings: &mut Warnings) -> (&'static str, Value) {
    let (name, value) = match (earlier, range.can_stop) {
        (true, true) => return ("thinkingBudget", json!(0)),
        (true, false) => ("thinkingBudget", json!(range.least)),
        (false, true) => ("thinkingLevel", json!("MINIMAL")),
        (false, false) => ("thinkingLevel", json!("LOW")),
    };
    warnings.add(
        "reasoning.enabled",
        format!("this model can't stop thinking: it was asked for its least, {value}"),
    );
    (name, value)
}

fn amount(
    options: &ReasoningOptions,
    range: Range,
    earlier: bool,
    request: &GenerateRequest,
    warnings: &mut Warnings,
) -> Option<(&'static str, Value)> {
    let effort = options.effort.as_deref();
    if let Some(effort) = effort.filter(|_| !earlier) {
        if options.budget_tokens.is_some() {
            warnings.add(
                "reasoning.budget_tokens",
                "the vendor takes a level or a budget, not both: the level was sent",
            );
        }
        return Some(("thinkingLevel", json!(level(effort, range, warnings))));
    }
    let wanted = match (options.budget_tokens, effort, options.enabled) {
        (Some(budget), _, _) => budget,
        (None, Some(effort), _) => budget_of(effort, range),
        // The model decides how much.
        (None, None, Some(true)) if earlier => return Some(("thinkingBudget", json!(-1))),
        (None, None, _) => return None,
    };
    // Thoughts count towards the limit of the answer, which needs room for a word.
    let limit = request.sampling.max_tokens.unwrap_or(u32::MAX);
    let given = match wanted
        .clamp(range.least, range.most)
        .min(limit.saturating_sub(1))
    {
        given if given >= range.least => given,
        _ if range.can_stop => 0,
        _ => range.least,
    };
    if given != wanted {
        warnings.add(
            "reasoning.budget_tokens",
            format!(
                "{wanted} became {given}: this model thinks with {} to {} tokens, and below max_tokens",
                range.least, range.most
            ),
        );
    }
    Some(("thinkingBudget", json!(given)))
}

fn level(effort: &str, range: Range, warnings: &mut Warnings) -> String {
    let instead = match effort {
        "minimal" if !range.can_stop => "LOW",
        "max" => "XHIGH",
        _ => return effort.to_ascii_uppercase(),
    };
    warnings.add(
        "reasoning.effort",
        format!("this model has no `{effort}`: it became {instead}"),
    );
    instead.into()
}

/// Tokens for an effort: the vendor's own numbers for clients of OpenAI's format.
fn budget_of(effort: &str, range: Range) -> u32 {
    match effort {
        "minimal" | "low" => 1024,
        "medium" => 8192,
        "high" => 24_576,
        _ => range.most,
    }
}

/// Thoughts are shown only where asked for; they are summaries of one length.
fn shows(options: &ReasoningOptions, warnings: &mut Warnings) -> bool {
    match options.display.as_deref() {
        None => options.enabled == Some(true),
        Some("omitted") => false,
        Some("auto" | "summarized") => true,
        Some("concise" | "detailed") => {
            warnings.add("reasoning.display", "the vendor has one length of summary");
            true
        }
        Some(word) => {
            warnings.add(
                "reasoning.display",
                format!("the vendor knows no `{word}`: left out"),
            );
            false
        }
    }
}
