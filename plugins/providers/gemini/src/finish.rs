//! Why an answer ended.

use evenhand_sdk::Error;
use evenhand_sdk::types::FinishReason;

/// The vendor's word in neutral ones. `called`: the answer has calls of the client's tools.
///
/// # Errors
/// Words that say that the answer failed.
pub(crate) fn reason(
    word: &str,
    message: Option<&str>,
    called: bool,
) -> Result<FinishReason, Error> {
    Ok(match word {
        "STOP" if called => FinishReason::ToolCalls,
        "STOP" => FinishReason::Stop,
        "MAX_TOKENS" => FinishReason::Length,
        "CONTINUATION" => FinishReason::Paused,
        "SAFETY" | "RECITATION" | "BLOCKLIST" | "PROHIBITED_CONTENT" | "SPII" | "MODEL_ARMOR"
        | "ESCALATION" => FinishReason::ContentFilter,
        "IMAGE_SAFETY" | "IMAGE_PROHIBITED_CONTENT" | "IMAGE_RECITATION" | "IMAGE_OTHER" => {
            FinishReason::ContentFilter
        }
        "MALFORMED_FUNCTION_CALL"
        | "MALFORMED_RESPONSE"
        | "UNEXPECTED_TOOL_CALL"
        | "TOO_MANY_TOOL_CALLS"
        | "MISSING_THOUGHT_SIGNATURE" => {
            let why = message.map(|said| format!(": {said}")).unwrap_or_default();
            return Err(Error::upstream(format!(
                "the vendor's answer failed with {word}{why}"
            )));
        }
        other => FinishReason::Other(other.into()),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use evenhand_sdk::types::ErrorCode;

    #[test]
    fn every_word_has_its_reason() {
        let filtered = [
            "SAFETY",
            "RECITATION",
            "BLOCKLIST",
            "PROHIBITED_CONTENT",
            "SPII",
            "MODEL_ARMOR",
            "ESCALATION",
            "IMAGE_SAFETY",
            "IMAGE_PROHIBITED_CONTENT",
            "IMAGE_RECITATION",
            "IMAGE_OTHER",
        ];
        for word in filtered {
            assert_eq!(
                reason(word, None, false).unwrap(),
                FinishReason::ContentFilter,
                "{word}"
            );
        }
        for word in [
            "LANGUAGE",
            "OTHER",
            "NO_IMAGE",
            "PUP_LIMITED_DISABLED",
            "A_NEW_WORD",
        ] {
            assert_eq!(
                reason(word, None, true).unwrap(),
                FinishReason::Other(word.into())
            );
        }
        for (word, called, wanted) in [
            ("STOP", false, FinishReason::Stop),
            ("STOP", true, FinishReason::ToolCalls),
            ("MAX_TOKENS", true, FinishReason::Length),
            ("CONTINUATION", false, FinishReason::Paused),
        ] {
            assert_eq!(reason(word, None, called).unwrap(), wanted, "{word}");
        }
        let failed = [
            "MALFORMED_FUNCTION_CALL",
            "MALFORMED_RESPONSE",
            "UNEXPECTED_TOOL_CALL",
            "TOO_MANY_TOOL_CALLS",
            "MISSING_THOUGHT_SIGNATURE",
        ];
        for word in failed {
            let error = reason(word, Some("call f("), true).unwrap_err();
            assert_eq!(error.code, ErrorCode::Upstream);
            assert!(error.message.contains(word) && error.message.contains("call f("));
        }
    }
}
