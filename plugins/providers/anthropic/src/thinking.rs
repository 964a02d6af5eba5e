//! How much the model should think, and what else of a request that rules out.

use evenhand_sdk::Warnings;
use evenhand_sdk::types::*;
use serde_json::{Map, Value, json};

use crate::config::{Config, ThinkingMode};
use crate::tools::is_forced;
use crate::turns::Conversation;

/// The least that the vendor thinks with, in tokens.
const LEAST_BUDGET: u32 = 1024;

/// What was decided.
#[derive(Debug, Default)]
pub(crate) struct Thinking {
    /// The `thinking` field.
    pub(crate) field: Option<Value>,
    /// `output_config.effort`.
    pub(crate) effort: Option<String>,
    /// `max_tokens`.
    pub(crate) max_tokens: u32,
    /// The client asked for summaries.
    pub(crate) summarized: bool,
}

impl Thinking {
    /// Decides. An effort asks for thinking, unless the client said that there should be none.
    pub(crate) fn decide(
        request: &GenerateRequest,
        config: &Config,
        conversation: &Conversation,
        warnings: &mut Warnings,
    ) -> Self {
        let mut thinking = Self {
            max_tokens: request.sampling.max_tokens.unwrap_or(config.max_tokens),
            ..Self::default()
        };
        let Some(options) = &request.reasoning else {
            return thinking;
        };
        let effort = options.effort.as_deref().filter(|effort| *effort != "none");
        if options.enabled == Some(false) || options.effort.as_deref() == Some("none") {
            thinking.field = Some(json!({"type": "disabled"}));
            thinking.effort = effort.map(|effort| known_effort(effort, warnings));
            return thinking;
        }
        let budget = match (options.budget_tokens, config.thinking) {
            (Some(budget), _) => Some(budget),
            (None, ThinkingMode::Adaptive) => None,
            (None, ThinkingMode::Budget) => Some(budget_of(effort)),
        };
        if config.thinking == ThinkingMode::Adaptive {
            thinking.effort = effort.map(|effort| known_effort(effort, warnings));
        }
        let asked =
            options.enabled == Some(true) || options.budget_tokens.is_some() || effort.is_some();
        if !asked {
            return thinking;
        }
        if is_forced(request) {
            warnings.add(
                "reasoning",
                "the vendor can't think where a tool must be called: left out",
            );
            return thinking;
        }
        let mut field = match budget {
            None => json!({"type": "adaptive"}),
            Some(_) if conversation.resumes_without_thoughts() => {
                warnings.add(
                    "reasoning",
                    "the vendor can't think on where the turn that called the tools lacks its thoughts: left out",
                );
                return thinking;
            }
            Some(budget) => match thinking.fit(budget, request, warnings) {
                Some(budget) => json!({"type": "enabled", "budget_tokens": budget}),
                None => return thinking,
            },
        };
        if let Some(display) = options
            .display
            .as_deref()
            .and_then(|word| display(word, warnings))
        {
            field["display"] = json!(display);
            thinking.summarized = display == "summarized";
        }
        thinking.field = Some(field);
        thinking
    }

    /// The budget within the vendor's bounds. It counts towards `max_tokens`, which grow where the client set none.
    fn fit(
        &mut self,
        budget: u32,
        request: &GenerateRequest,
        warnings: &mut Warnings,
    ) -> Option<u32> {
        let wanted = budget.max(LEAST_BUDGET);
        if request.sampling.max_tokens.is_none() {
            self.max_tokens = self.max_tokens.saturating_add(wanted);
        }
        let given = wanted.min(self.max_tokens.saturating_sub(1));
        if given < LEAST_BUDGET {
            warnings.add(
                "reasoning.budget_tokens",
                format!(
                    "the vendor thinks with {LEAST_BUDGET} tokens or more, and max_tokens is {}: it does not think",
                    self.max_tokens
                ),
            );
            return None;
        }
        if given != budget {
            warnings.add(
                "reasoning.budget_tokens",
                format!("{budget} became {given}: at least {LEAST_BUDGET} and below max_tokens"),
            );
        }
        Some(given)
    }

    /// Does the model think?
    pub(crate) fn is_on(&self) -> bool {
        self.field
            .as_ref()
            .is_some_and(|field| field["type"] != "disabled")
    }

    /// Writes the fields that were decided.
    pub(crate) fn write(&self, body: &mut Map<String, Value>) {
        body.insert("max_tokens".into(), json!(self.max_tokens));
        let field = self.field.clone();
        body.extend(field.map(|field| ("thinking".into(), field)));
        if let Some(effort) = &self.effort {
            let config = body.entry("output_config").or_insert_with(|| json!({}));
            config["effort"] = json!(effort);
        }
    }
}

/// The vendor's least effort is `low`; its other words are the neutral ones.
fn known_effort(effort: &str, warnings: &mut Warnings) -> String {
    if effort == "minimal" {
        warnings.add(
            "reasoning.effort",
            "the vendor has no `minimal`: it became `low`",
        );
        return "low".into();
    }
    effort.into()
}

/// Tokens for an effort, where a model wants a number.
fn budget_of(effort: Option<&str>) -> u32 {
    match effort {
        Some("minimal") => LEAST_BUDGET,
        Some("low") => 2048,
        Some("high") => 16_384,
        Some("xhigh" | "max") => 32_768,
        _ => 8192,
    }
}

fn display(word: &str, warnings: &mut Warnings) -> Option<&'static str> {
    match word {
        "omitted" => Some("omitted"),
        "summarized" | "auto" => Some("summarized"),
        "concise" | "detailed" => {
            warnings.add("reasoning.display", "the vendor has one length of summary");
            Some("summarized")
        }
        word => {
            warnings.add(
                "reasoning.display",
                format!("the vendor knows no `{word}`: left out"),
            );
            None
        }
    }
}
