//! What is read of an answer, and no more.

use types::tool::SqlAnswer;

/// Most rows.
pub(crate) const ROWS: usize = 1000;

/// Most bytes of rows, as JSON.
pub(crate) const BYTES: usize = 1 << 20;

/// An answer that is being read.
#[derive(Default)]
pub(crate) struct Answer {
    pub(crate) is: SqlAnswer,
    bytes: usize,
}

impl Answer {
    pub(crate) fn new(columns: Vec<String>) -> Self {
        let is = SqlAnswer {
            columns,
            ..SqlAnswer::default()
        };
        Self { is, bytes: 0 }
    }

    /// Adds a row, a JSON array; `None`: one that is too large by itself. Says whether to read on.
    pub(crate) fn add(&mut self, row: Option<String>) -> bool {
        match row {
            Some(row) if self.is.rows.len() < ROWS && self.bytes + row.len() <= BYTES => {
                self.bytes += row.len();
                self.is.rows.push(row);
            }
            _ => self.is.truncated = true,
        }
        !self.is.truncated
    }
}
