//! Answers of a database as objects, which a model reads better than columns.

use std::collections::HashSet;

use evenhand_sdk::{Error, sql};
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::{Map, Value};

/// What a query gave.
#[derive(Debug, PartialEq, Serialize, JsonSchema)]
pub(crate) struct Rows {
    /// Each an object with a field for each column.
    rows: Vec<Map<String, Value>>,
    /// There were more rows than are given: at most 1000, or 1 MiB.
    truncated: bool,
}

/// What a change gave.
#[derive(Debug, PartialEq, Serialize, JsonSchema)]
pub(crate) struct Changed {
    /// Rows that were changed.
    affected: u64,
    /// Rows that the statement returned.
    rows: Vec<Map<String, Value>>,
    /// It returned more rows than are given.
    truncated: bool,
}

impl Rows {
    pub(crate) fn read(answer: sql::Answer) -> Result<Self, Error> {
        let names = names(answer.columns);
        let rows = answer.rows.iter().map(|row| object(&names, row));
        Ok(Self {
            rows: rows.collect::<Result<_, _>>()?,
            truncated: answer.truncated,
        })
    }
}

impl Changed {
    pub(crate) fn read(answer: sql::Answer) -> Result<Self, Error> {
        let affected = answer.affected;
        let Rows { rows, truncated } = Rows::read(answer)?;
        Ok(Self {
            affected,
            rows,
            truncated,
        })
    }
}

/// Names of fields. A second column of one name, as of a join, has its number behind it.
fn names(columns: Vec<String>) -> Vec<String> {
    let mut seen: HashSet<String> = columns.iter().cloned().collect();
    let mut first = HashSet::new();
    let named = columns.into_iter().map(|column| {
        if first.insert(column.clone()) {
            return column;
        }
        let mut numbered = (2..).map(|number| format!("{column}_{number}"));
        numbered
            .find(|name| seen.insert(name.clone()))
            .unwrap_or(column)
    });
    named.collect()
}

fn object(names: &[String], row: &str) -> Result<Map<String, Value>, Error> {
    let values: Vec<Value> = serde_json::from_str(row)
        .map_err(|e| Error::internal(format!("a row of the host's is no JSON array: {e}")))?;
    Ok(names.iter().cloned().zip(values).collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn answer(columns: &[&str], rows: &[&str]) -> sql::Answer {
        sql::Answer {
            columns: columns.iter().map(ToString::to_string).collect(),
            rows: rows.iter().map(ToString::to_string).collect(),
            affected: 2,
            truncated: true,
        }
    }

    #[test]
    fn rows_are_objects_in_the_order_of_their_columns() {
        let rows = Rows::read(answer(&["z", "a"], &[r#"[1,"x"]"#, "[null,2.5]"])).unwrap();
        let said = serde_json::to_string(&rows).unwrap();
        assert_eq!(
            said,
            r#"{"rows":[{"z":1,"a":"x"},{"z":null,"a":2.5}],"truncated":true}"#
        );
    }

    #[test]
    fn columns_of_one_name_are_kept_apart() {
        let rows = Rows::read(answer(&["id", "id", "id_2", "id"], &["[1,2,3,4]"])).unwrap();
        let said = serde_json::to_value(&rows.rows).unwrap();
        assert_eq!(said, json!([{"id": 1, "id_3": 2, "id_2": 3, "id_4": 4}]));
    }

    #[test]
    fn a_change_says_how_many_rows() {
        let changed = Changed::read(answer(&[], &[])).unwrap();
        assert_eq!((changed.affected, changed.rows.len()), (2, 0));
        assert!(Changed::read(answer(&["a"], &["{}"])).is_err());
    }
}
