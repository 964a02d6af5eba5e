//! Whose model it is: what Converse has no field for, each maker has in its own words.

use serde::Deserialize;

/// Makers whose own words are known here.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Family {
    /// Claude.
    Anthropic,
    /// Amazon's Nova.
    Nova,
    /// Amazon's Titan.
    Titan,
    /// Command and Embed.
    Cohere,
    /// Mistral.
    Mistral,
    /// DeepSeek.
    DeepSeek,
    /// Open weights of OpenAI's.
    OpenAi,
    /// What Converse itself has, and no more.
    #[default]
    Other,
}

/// How ids name the makers.
const MAKERS: [(&str, Family); 7] = [
    ("anthropic.", Family::Anthropic),
    ("amazon.nova", Family::Nova),
    ("amazon.titan", Family::Titan),
    ("cohere.", Family::Cohere),
    ("mistral.", Family::Mistral),
    ("deepseek.", Family::DeepSeek),
    ("openai.", Family::OpenAi),
];

/// Where profiles across regions run: the first word of their ids.
const GEOGRAPHIES: [&str; 10] = [
    "us.", "us-gov.", "eu.", "apac.", "jp.", "au.", "ca.", "sa.", "me.", "global.",
];

/// Models that have no way to be asked for one call at a time; later ones of this maker do.
const ALWAYS_PARALLEL: [&str; 6] = [
    "claude-3",
    "claude-v2",
    "claude-instant",
    "claude-sonnet-4-2025",
    "claude-opus-4-2025",
    "claude-opus-4-1",
];

impl Family {
    /// That of a model's id or ARN; `otherwise` where it does not say.
    pub(crate) fn of(model: &str, otherwise: Self) -> Self {
        let id = without_geography(model);
        let found = MAKERS.iter().find(|(maker, _)| id.starts_with(maker));
        found.map_or(otherwise, |(_, family)| *family)
    }

    /// Can this model be told to call one tool at a time?
    pub(crate) fn calls_one_at_a_time(self, model: &str) -> bool {
        self == Self::Anthropic && !ALWAYS_PARALLEL.iter().any(|old| model.contains(old))
    }

    /// May a tool's result say that the tool failed? The vendor documents it for two makers.
    pub(crate) fn takes_status(self) -> bool {
        matches!(self, Self::Anthropic | Self::Nova | Self::Other)
    }
}

/// The model's id without ARN and geography: `anthropic.…` of `us.anthropic.…`.
pub(crate) fn without_geography(model: &str) -> &str {
    let id = match model.strip_prefix("arn:") {
        Some(arn) if arn.contains(":inference-profile/") || arn.contains(":foundation-model/") => {
            arn.rsplit('/').next().unwrap_or(model)
        }
        _ => model,
    };
    let found = GEOGRAPHIES.iter().find_map(|place| id.strip_prefix(place));
    found.unwrap_or(id)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_model_is_known_by_its_id_or_arn() {
        let of = |model: &str| Family::of(model, Family::Other);
        for (model, family) in [
            (
                "anthropic.claude-sonnet-4-5-20250929-v1:0",
                Family::Anthropic,
            ),
            (
                "us.anthropic.claude-opus-4-1-20250805-v1:0",
                Family::Anthropic,
            ),
            (
                "arn:aws:bedrock:eu-west-1:123456789012:inference-profile/eu.anthropic.claude-x-v1:0",
                Family::Anthropic,
            ),
            (
                "arn:aws:bedrock:us-east-1::foundation-model/amazon.nova-pro-v1:0",
                Family::Nova,
            ),
            ("amazon.titan-embed-text-v2:0", Family::Titan),
            ("openai.gpt-oss-120b-1:0", Family::OpenAi),
            ("us.deepseek.r1-v1:0", Family::DeepSeek),
            ("meta.llama3-1-8b-instruct-v1:0", Family::Other),
            (
                "arn:aws:bedrock:us-east-1:123456789012:application-inference-profile/abc",
                Family::Other,
            ),
        ] {
            assert_eq!(of(model), family, "{model}");
        }
        assert_eq!(Family::of("abc", Family::Nova), Family::Nova);
        assert_eq!(Family::of("cohere.x", Family::Nova), Family::Cohere);
    }

    #[test]
    fn one_call_at_a_time_is_for_newer_models() {
        let can = |model: &str| Family::of(model, Family::Other).calls_one_at_a_time(model);
        assert!(can("us.anthropic.claude-sonnet-4-5-20250929-v1:0"));
        assert!(!can("anthropic.claude-3-7-sonnet-20250219-v1:0"));
        assert!(!can("anthropic.claude-sonnet-4-20250514-v1:0"));
        assert!(!can("amazon.nova-pro-v1:0"));
    }
}
