//! How much the model should think, in the words of its maker, and what else of a request that rules out.

use evenhand_sdk::Warnings;
use evenhand_sdk::types::*;
use serde_json::{Value, json};

use crate::config::{Config, ThinkingMode};
use crate::extra::Extra;
use crate::family::Family;
use crate::tools::is_forced;
use crate::turns::Conversation;

/// The least that Anthropic's models think with, in tokens.
const LEAST_BUDGET: u32 = 1024;

/// What was decided.
#[derive(Debug, Default)]
pub(crate) struct Thinking {
    /// The `thinking` field of Anthropic's models.
    field: Option<Value>,
    /// `outputConfig.effort`.
    pub(crate) effort: Option<String>,
    /// Most tokens of the answer, where they grew for a budget.
    pub(crate) max_tokens: Option<u32>,
    /// The client asked for summaries.
    pub(crate) summarized: bool,
}

impl Thinking {
    /// Decides, and writes what goes among the model's own fields.
    pub(crate) fn decide(
        request: &GenerateRequest,
        family: Family,
        config: &Config,
        conversation: &Conversation,
        extra: &mut Extra,
        warnings: &mut Warnings,
    ) -> Self {
        let mut thinking = Self {
            max_tokens: request.sampling.max_tokens,
            ..Self::default()
        };
        let Some(options) = &request.reasoning else {
            return thinking;
        };
        match family {
            Family::Anthropic => {
                thinking.anthropic(request, options, config, conversation, warnings);
                if let Some(field) = &thinking.field {
                    extra.set("thinking", field.clone());
                }
            }
            Family::Nova => by_effort(options, warnings, |level| match level {
                None => extra.set("reasoningConfig", json!({"type": "disabled"})),
                Some(level) => extra.set(
                    "reasoningConfig",
                    json!({"type": "enabled", "maxReasoningEffort": level}),
                ),
            }),
            Family::OpenAi => by_effort(options, warnings, |level| {
                // These models always think; the least is `low`.
                extra.set("reasoning_effort", json!(level.unwrap_or("low")));
            }),
            _ => {
                let asked = [
                    options.enabled.is_some(),
                    options.effort.is_some(),
                    options.budget_tokens.is_some(),
                    options.display.is_some(),
                ];
                if asked.contains(&true) {
                    warnings.add(
                        "reasoning",
                        "this plugin knows no way to tell this model how much to think: left out",
                    );
                }
            }
        }
        thinking
    }

    /// An effort asks for thinking, unless the client said that there should be none.
    fn anthropic(
        &mut self,
        request: &GenerateRequest,
        options: &ReasoningOptions,
        config: &Config,
        conversation: &Conversation,
        warnings: &mut Warnings,
    ) {
        let effort = options.effort.as_deref().filter(|effort| *effort != "none");
        if options.enabled == Some(false) || options.effort.as_deref() == Some("none") {
            self.field = Some(json!({"type": "disabled"}));
            self.effort = effort.map(|effort| known_effort(effort, warnings));
            return;
        }
        let budget = match (options.budget_tokens, config.thinking) {
            (Some(budget), _) => Some(budget),
            (None, ThinkingMode::Adaptive) => None,
            (None, ThinkingMode::Budget) => Some(budget_of(effort)),
        };
        if config.thinking == ThinkingMode::Adaptive {
            self.effort = effort.map(|effort| known_effort(effort, warnings));
        }
        let asked =
            options.enabled == Some(true) || options.budget_tokens.is_some() || effort.is_some();
        if !asked {
            return;
        }
        if is_forced(request) {
            warnings.add(
                "reasoning",
                "the model can't think where a tool must be called: left out",
            );
            return;
        }
        let mut field = match budget {
            None => json!({"type": "adaptive"}),
            Some(_) if conversation.resumes_without_thoughts() => {
                warnings.add(
                    "reasoning",
                    "the model can't think on where the turn that called the tools lacks its thoughts: left out",
                );
                return;
            }
            Some(budget) => match self.fit(budget, warnings) {
                Some(budget) => json!({"type": "enabled", "budget_tokens": budget}),
                None => return,
            },
        };
        let word = options.display.as_deref();
        if let Some(display) = word.and_then(|word| display(word, warnings)) {
            field["display"] = json!(display);
            self.summarized = display == "summarized";
        }
        self.field = Some(field);
    }

    /// The budget within the model's bounds. It counts towards `maxTokens`; where the client set none, the vendor's
    /// default is the most that the model can say.
    fn fit(&self, budget: u32, warnings: &mut Warnings) -> Option<u32> {
        let wanted = budget.max(LEAST_BUDGET);
        let given = match self.max_tokens {
            Some(most) => wanted.min(most.saturating_sub(1)),
            None => wanted,
        };
        if given < LEAST_BUDGET {
            warnings.add(
                "reasoning.budget_tokens",
                format!(
                    "the model thinks with {LEAST_BUDGET} tokens or more, and max_tokens is {}: it does not think",
                    self.max_tokens.unwrap_or_default()
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

    /// Does one of Anthropic's models think?
    pub(crate) fn is_on(&self) -> bool {
        let field = self.field.as_ref();
        field.is_some_and(|field| field["type"] != "disabled")
    }
}

/// For models that know three levels and no budget. `None`: not at all.
fn by_effort(
    options: &ReasoningOptions,
    warnings: &mut Warnings,
    mut set: impl FnMut(Option<&'static str>),
) {
    if options.budget_tokens.is_some() {
        warnings.add(
            "reasoning.budget_tokens",
            "this model takes an effort, not a number of tokens: left out",
        );
    }
    if options.display.is_some() {
        warnings.add(
            "reasoning.display",
            "this model has no such setting: left out",
        );
    }
    let effort = options.effort.as_deref();
    if options.enabled == Some(false) || effort == Some("none") {
        return set(None);
    }
    let level = match effort {
        Some("minimal" | "low") => "low",
        Some("high" | "xhigh" | "max") => "high",
        None if options.enabled.is_none() && options.budget_tokens.is_none() => return,
        _ => "medium",
    };
    if let Some(word) = effort.filter(|word| *word != level) {
        warnings.add(
            "reasoning.effort",
            format!("this model has no `{word}`: it became `{level}`"),
        );
    }
    set(Some(level));
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
