//! Token counts. `input_tokens` are those that no cache read or wrote; the neutral form counts all of them.

use serde_json::{Map, Value, json};
use types::neutral::Usage;

/// The `usage` of a message.
pub(crate) fn to_json(usage: &Usage, service_tier: Option<&str>) -> Value {
    let read = usage.cache_read_tokens;
    let written = match (usage.cache_write_tokens, usage.cache_write_1h_tokens) {
        (None, None) => None,
        (short, long) => Some((short.unwrap_or(0), long.unwrap_or(0))),
    };
    let created = written.map(|(short, long)| short.saturating_add(long));
    let plain = usage
        .input_tokens
        .unwrap_or(0)
        .saturating_sub(read.unwrap_or(0))
        .saturating_sub(created.unwrap_or(0));
    let mut json = json!({ "input_tokens": plain });
    if let Some(created) = created {
        json["cache_creation_input_tokens"] = created.into();
    }
    if let Some(read) = read {
        json["cache_read_input_tokens"] = read.into();
    }
    if let Some((short, long)) = written {
        json["cache_creation"] = json!({
            "ephemeral_5m_input_tokens": short,
            "ephemeral_1h_input_tokens": long,
        });
    }
    json["output_tokens"] = usage.output_tokens.unwrap_or(0).into();
    if let Some(tokens) = usage.reasoning_tokens {
        json["output_tokens_details"] = json!({ "thinking_tokens": tokens });
    }
    if let Some(tier) = service_tier {
        json["service_tier"] = match tier {
            "default" => "standard",
            tier => tier,
        }
        .into();
    }
    json
}

/// The counts of a vendor's `usage`, of a message or merged from its events.
pub(crate) fn from_json(usage: &Map<String, Value>) -> Usage {
    let count = |key: &str| usage.get(key).and_then(Value::as_u64);
    let created_for = |key: &str| usage.get("cache_creation")?.get(key)?.as_u64();
    let read = count("cache_read_input_tokens");
    let created = count("cache_creation_input_tokens");
    let long = created_for("ephemeral_1h_input_tokens");
    let short = created
        .map(|all| all.saturating_sub(long.unwrap_or(0)))
        .or_else(|| created_for("ephemeral_5m_input_tokens"));
    let cached = [read, short, long]
        .into_iter()
        .flatten()
        .fold(0, u64::saturating_add);
    Usage {
        input_tokens: count("input_tokens").map(|plain| plain.saturating_add(cached)),
        cache_read_tokens: read,
        cache_write_tokens: short,
        cache_write_1h_tokens: long,
        output_tokens: count("output_tokens"),
        reasoning_tokens: usage
            .get("output_tokens_details")
            .and_then(|details| details.get("thinking_tokens")?.as_u64()),
        ..Usage::default()
    }
}
