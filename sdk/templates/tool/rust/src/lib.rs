//! The tools of this plugin.

use evenhand_sdk::{Call, Failure, Json, Tool};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What the model gives. It reads the comments of the fields.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Text {
    /// The text to count.
    text: String,
}

/// What it gets.
#[derive(Debug, PartialEq, Serialize, JsonSchema)]
struct Counted {
    characters: usize,
    words: usize,
    lines: usize,
}

struct Count;

impl Tool for Count {
    const NAME: &'static str = "count";
    const DESCRIPTION: &'static str = "Counts the characters, words and lines of a text.";
    const READ_ONLY: bool = true;
    const IDEMPOTENT: bool = true;
    const OPEN_WORLD: bool = false;
    type Arguments = Text;
    type Output = Json<Counted>;

    fn call(arguments: Text, _: &Call) -> Result<Json<Counted>, Failure> {
        if arguments.text.is_empty() {
            // The model reads it, and may try again.
            return Err(Failure::correct("`text` is empty"));
        }
        Ok(Json(count(&arguments.text)))
    }
}

// Several tools are a longer tuple.
evenhand_sdk::export_tools!((Count,));

/// Asks nothing of the host, so that tests need none.
fn count(text: &str) -> Counted {
    Counted {
        characters: text.chars().count(),
        words: text.split_whitespace().count(),
        lines: text.lines().count(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn characters_are_not_bytes() {
        let (characters, words, lines) = (15, 4, 2);
        let counted = count("Grüße, Welt\n😀 ✓");
        assert_eq!(
            counted,
            Counted {
                characters,
                words,
                lines
            }
        );
    }
}
