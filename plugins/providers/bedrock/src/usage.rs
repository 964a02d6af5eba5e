use evenhand_sdk::types::Usage;
use serde_json::Value;

/// The vendor's account in neutral words. Its `inputTokens` leave cached ones out, ours include them; its `totalTokens`
/// show it where a server counts otherwise.
pub(crate) fn usage(account: &Value) -> Usage {
    let count = |name: &str| account[name].as_u64();
    let read = count("cacheReadInputTokens");
    let written = count("cacheWriteInputTokens");
    let details = account["cacheDetails"].as_array();
    let hour = details.map(|details| {
        let hours = details.iter().filter(|detail| detail["ttl"] == "1h");
        hours
            .filter_map(|detail| detail["inputTokens"].as_u64())
            .sum()
    });
    let hour = hour.filter(|_| written.is_some());
    let (input, output) = (count("inputTokens"), count("outputTokens"));
    let included = input.zip(output).map(|(input, output)| input + output) == count("totalTokens");
    let cached = match included {
        true => 0,
        false => read.unwrap_or(0) + written.unwrap_or(0),
    };
    Usage {
        input_tokens: input.map(|input| input + cached),
        cache_read_tokens: read,
        cache_write_tokens: written.map(|all| all.saturating_sub(hour.unwrap_or(0))),
        cache_write_1h_tokens: hour,
        output_tokens: output,
        raw: Some(account.to_string()),
        ..Usage::default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn cached_tokens_are_input_and_lifetimes_are_apart() {
        let account = json!({"inputTokens": 10, "outputTokens": 5, "totalTokens": 145,
            "cacheReadInputTokens": 100, "cacheWriteInputTokens": 30,
            "cacheDetails": [{"ttl": "1h", "inputTokens": 12}, {"ttl": "5m", "inputTokens": 18}]});
        let counted = usage(&account);
        assert_eq!(counted.input_tokens, Some(140));
        assert_eq!(counted.cache_read_tokens, Some(100));
        assert_eq!(counted.cache_write_tokens, Some(18));
        assert_eq!(counted.cache_write_1h_tokens, Some(12));
        assert_eq!(counted.output_tokens, Some(5));
        assert_eq!(counted.raw.as_deref(), Some(account.to_string().as_str()));
    }

    #[test]
    fn a_total_that_has_no_more_says_that_cached_ones_are_within() {
        let counted = usage(
            &json!({"inputTokens": 140, "outputTokens": 5, "totalTokens": 145,
            "cacheReadInputTokens": 100, "cacheWriteInputTokens": 30}),
        );
        assert_eq!(counted.input_tokens, Some(140));
        assert_eq!(counted.cache_write_tokens, Some(30));
        assert_eq!(counted.cache_write_1h_tokens, None);
    }

    #[test]
    fn what_was_not_counted_is_absent() {
        let counted = usage(&json!({"inputTokens": 3, "outputTokens": 2, "totalTokens": 5}));
        assert_eq!(counted.input_tokens, Some(3));
        assert_eq!(
            (counted.cache_read_tokens, counted.cache_write_tokens),
            (None, None)
        );
    }
}
