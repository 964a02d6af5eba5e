//! JSON of scripts beside JSON of requests.

use serde_json::Value;

use crate::answer::short;

/// Where a value does not have in it what another has.
pub(crate) fn lacks(seen: &Value, wanted: &Value, at: &str) -> Option<String> {
    let told = || {
        let place = if at.is_empty() { "the whole" } else { at };
        Some(format!(
            "{place} is {}, expected {}",
            short(&seen.to_string()),
            short(&wanted.to_string())
        ))
    };
    match (seen, wanted) {
        (Value::Object(seen), Value::Object(wanted)) => wanted.iter().find_map(|(key, wanted)| {
            let at = format!("{at}/{key}");
            match seen.get(key) {
                Some(seen) => lacks(seen, wanted, &at),
                None => Some(format!("{at} is missing")),
            }
        }),
        (Value::Array(seen), Value::Array(wanted)) if seen.len() == wanted.len() => {
            let pairs = seen.iter().zip(wanted).enumerate();
            let mut faults = pairs.map(|(index, (s, w))| lacks(s, w, &format!("{at}/{index}")));
            faults.find_map(|fault| fault)
        }
        (Value::Number(seen), Value::Number(wanted)) if seen.as_f64() == wanted.as_f64() => None,
        _ if seen == wanted => None,
        _ => told(),
    }
}

/// An answer in which each text `$request:/…` is what the request has at this place.
pub(crate) fn repeats(answer: &Value, request: &[u8]) -> Value {
    fn fill(value: &mut Value, request: &Value) {
        match value {
            Value::String(text) => {
                if let Some(place) = text.strip_prefix("$request:") {
                    *value = request.pointer(place).cloned().unwrap_or_default();
                }
            }
            Value::Array(all) => all.iter_mut().for_each(|one| fill(one, request)),
            Value::Object(all) => all.values_mut().for_each(|one| fill(one, request)),
            _ => {}
        }
    }
    let mut answer = answer.clone();
    fill(
        &mut answer,
        &serde_json::from_slice(request).unwrap_or_default(),
    );
    answer
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn an_answer_repeats_what_was_asked() {
        let answer = json!({"id": "$request:/id", "all": ["$request:/params/0", "x"]});
        let filled = repeats(&answer, br#"{"id":7,"params":[{"a":1}]}"#);
        assert_eq!(filled, json!({"id": 7, "all": [{"a": 1}, "x"]}));
    }

    #[test]
    fn a_part_of_a_body_is_looked_for() {
        let seen = json!({"a": 1, "b": [{"c": "x", "d": 2}], "e": null});
        assert_eq!(
            lacks(&seen, &json!({"a": 1.0, "b": [{"c": "x"}]}), ""),
            None
        );
        for (wanted, place) in [
            (json!({"z": 1}), "/z is missing"),
            (json!({"b": []}), "/b is"),
            (json!({"b": [{"c": "y"}]}), "/b/0/c"),
            (json!([]), "the whole"),
        ] {
            let fault = lacks(&seen, &wanted, "").unwrap_or_default();
            assert!(fault.contains(place), "{fault}");
        }
    }
}
