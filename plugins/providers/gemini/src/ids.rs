use serde_json::Value;

use crate::parts::MADE_UP;

/// Ids for calls that the vendor gives none: unique in a conversation, since they bear the answer's.
#[derive(Debug, Default)]
pub(crate) struct Ids {
    answer: String,
    made: u32,
}

impl Ids {
    /// For the answer of this id.
    pub(crate) fn of(answer: String) -> Self {
        Self { answer, made: 0 }
    }

    /// The vendor's id, or one that is made up.
    pub(crate) fn take(&mut self, given: &Value) -> String {
        match given.as_str().filter(|id| !id.is_empty()) {
            Some(id) => id.to_owned(),
            None => {
                self.made += 1;
                format!("{MADE_UP}{}-{}", self.answer, self.made)
            }
        }
    }
}
