use evenhand_sdk::types::Usage;
use serde_json::{Map, Value};

/// The vendor's account, which later events complete: each count is cumulative, and what is absent stays.
#[derive(Debug, Default)]
pub(crate) struct Account(Map<String, Value>);

impl Account {
    /// Takes the `usage` of an event.
    pub(crate) fn add(&mut self, usage: &Value) {
        let fields = usage.as_object().into_iter().flatten();
        for (name, value) in fields.filter(|(_, value)| !value.is_null()) {
            self.0.insert(name.clone(), value.clone());
        }
    }

    /// In neutral words: the vendor's `input_tokens` leave cached ones out, ours include them.
    pub(crate) fn usage(&self) -> Usage {
        let count = |name: &str| self.0.get(name).and_then(Value::as_u64);
        let inner = |outer: &str, name: &str| self.0.get(outer)?.get(name)?.as_u64();
        let read = count("cache_read_input_tokens");
        let hour = inner("cache_creation", "ephemeral_1h_input_tokens");
        // Later events carry the sum alone, so the sum is what counts.
        let written = count("cache_creation_input_tokens")
            .or_else(|| Some(hour? + inner("cache_creation", "ephemeral_5m_input_tokens")?));
        let cached = read.unwrap_or(0) + written.unwrap_or(0);
        Usage {
            input_tokens: count("input_tokens").map(|fresh| fresh + cached),
            cache_read_tokens: read,
            cache_write_tokens: written.map(|all| all.saturating_sub(hour.unwrap_or(0))),
            cache_write_1h_tokens: hour,
            output_tokens: count("output_tokens"),
            reasoning_tokens: inner("output_tokens_details", "thinking_tokens"),
            raw: Some(Value::Object(self.0.clone()).to_string()),
            ..Usage::default()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn cached_tokens_are_input_and_later_counts_replace_earlier_ones() {
        let mut account = Account::default();
        account.add(
            &json!({"input_tokens": 10, "cache_read_input_tokens": 100, "cache_creation_input_tokens": 30,
            "cache_creation": {"ephemeral_5m_input_tokens": 20, "ephemeral_1h_input_tokens": 10},
            "output_tokens": 1, "service_tier": "standard", "server_tool_use": null}),
        );
        account.add(
            &json!({"output_tokens": 50, "input_tokens": null, "cache_read_input_tokens": 120,
            "cache_creation_input_tokens": 35, "output_tokens_details": {"thinking_tokens": 7}}),
        );
        let usage = account.usage();
        assert_eq!(usage.input_tokens, Some(165));
        assert_eq!(usage.cache_read_tokens, Some(120));
        assert_eq!(usage.cache_write_tokens, Some(25));
        assert_eq!(usage.cache_write_1h_tokens, Some(10));
        assert_eq!(usage.output_tokens, Some(50));
        assert_eq!(usage.reasoning_tokens, Some(7));
        let raw: Value = serde_json::from_str(&usage.raw.unwrap()).unwrap();
        assert_eq!(raw["service_tier"], "standard");
        assert!(raw.get("server_tool_use").is_none());
    }

    #[test]
    fn what_was_not_counted_is_absent() {
        let mut account = Account::default();
        account.add(&json!({"input_tokens": 3, "output_tokens": 2}));
        let usage = account.usage();
        assert_eq!(usage.input_tokens, Some(3));
        assert_eq!(
            (usage.cache_read_tokens, usage.cache_write_tokens),
            (None, None)
        );
    }
}
