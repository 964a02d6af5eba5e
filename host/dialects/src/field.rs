//! Reading a client's JSON field by field, with the path of each, so that an error can name it.

use std::fmt;

use serde_json::{Map, Value};
use types::{Error, neutral::Extension};

use crate::Wire;

/// A JSON object that is being read. What was read is taken out; what is left, nobody knew.
#[derive(Debug, Clone)]
pub(crate) struct Object {
    path: String,
    fields: Map<String, Value>,
}

impl Object {
    /// The body of a request. That no top-level field is there twice, [`scan`](crate::native::scan) has seen.
    pub(crate) fn body(bytes: &[u8]) -> Result<Self, Error> {
        Ok(Self {
            path: String::new(),
            fields: serde_json::from_slice(bytes).map_err(|e| malformed(&e))?,
        })
    }

    /// The path of a field.
    pub(crate) fn path_of(&self, key: &str) -> String {
        if self.path.is_empty() {
            key.to_owned()
        } else if key.is_empty() {
            self.path.clone()
        } else {
            format!("{}.{key}", self.path)
        }
    }

    /// The field, if it is there and not null.
    pub(crate) fn opt<T: Read>(&mut self, key: &str) -> Result<Option<T>, Error> {
        match self.fields.shift_remove(key) {
            None | Some(Value::Null) => Ok(None),
            Some(value) => T::read(value, &self.path_of(key)).map(Some),
        }
    }

    /// The field, if it is there: `Some(None)` where it is null, which takes away what was set before.
    pub(crate) fn change<T: Read>(&mut self, key: &str) -> Result<Option<Option<T>>, Error> {
        match self.fields.contains_key(key) {
            false => Ok(None),
            true => self.opt(key).map(Some),
        }
    }

    /// The field, which must be there.
    pub(crate) fn need<T: Read>(&mut self, key: &str) -> Result<T, Error> {
        match self.opt(key)? {
            Some(value) => Ok(value),
            None => Err(at(&self.path_of(key), "is required")),
        }
    }

    /// The field, left in place.
    pub(crate) fn peek(&self, key: &str) -> Option<&Value> {
        self.fields.get(key).filter(|value| !value.is_null())
    }

    /// Puts a field back, for what is left.
    pub(crate) fn put(&mut self, key: &str, value: Value) {
        self.fields.insert(key.to_owned(), value);
    }

    /// Puts what is left of an object that was a field back, for what is left of this one; if anything is.
    pub(crate) fn put_rest(&mut self, key: &str, object: Self) {
        match object.into_value() {
            Value::Object(rest) if rest.is_empty() => {}
            rest => self.put(key, rest),
        }
    }

    /// An error about a field, or about the object itself if `key` is empty.
    pub(crate) fn wrong(&self, key: &str, what: impl fmt::Display) -> Error {
        at(&self.path_of(key), what)
    }

    /// The object as it now is, without nulls.
    pub(crate) fn into_value(mut self) -> Value {
        self.fields.retain(|_, value| !value.is_null());
        Value::Object(self.fields)
    }

    /// The object as the client wrote it.
    pub(crate) fn into_text(self) -> String {
        Value::Object(self.fields).to_string()
    }

    /// An error if anything is left but nulls.
    pub(crate) fn nothing_else(self) -> Result<(), Error> {
        let left = self.fields.iter().find(|(_, value)| !value.is_null());
        match left {
            None => Ok(()),
            Some((key, _)) => Err(self.wrong(key, "is not a field that this host knows")),
        }
    }

    /// What is left, as a JSON text; absent if nothing is.
    pub(crate) fn rest(self) -> Option<String> {
        match self.into_value() {
            Value::Object(fields) if fields.is_empty() => None,
            value => Some(value.to_string()),
        }
    }

    /// What is left of a request, in the words of its dialect.
    pub(crate) fn extensions(self, wire: Wire) -> Vec<Extension> {
        let extension = self.rest().map(|fields| Extension {
            dialect: wire.id().to_owned(),
            fields,
        });
        extension.into_iter().collect()
    }
}

/// An error about the field at `path`.
pub(crate) fn at(path: &str, what: impl fmt::Display) -> Error {
    let error = Error::bad_request(if path.is_empty() {
        format!("the request {what}")
    } else {
        format!("{path} {what}")
    });
    if path.is_empty() {
        error
    } else {
        error.at(path)
    }
}

/// An error about JSON that does not parse; serde's message ends with line and column.
pub(crate) fn malformed(error: &serde_json::Error) -> Error {
    Error::bad_request(format!("the request's body cannot be read: {error}"))
}

/// A type that a field can have.
pub(crate) trait Read: Sized {
    /// Reads it, or says what was expected.
    fn read(value: Value, path: &str) -> Result<Self, Error>;
}

fn expected(what: &str, found: &Value, path: &str) -> Error {
    let found = match found {
        Value::Null => "null",
        Value::Bool(_) => "a boolean",
        Value::Number(_) => "a number",
        Value::String(_) => "a string",
        Value::Array(_) => "an array",
        Value::Object(_) => "an object",
    };
    at(path, format_args!("must be {what}, not {found}"))
}

impl Read for Value {
    fn read(value: Value, _: &str) -> Result<Self, Error> {
        Ok(value)
    }
}

impl Read for Object {
    fn read(value: Value, path: &str) -> Result<Self, Error> {
        match value {
            Value::Object(fields) => Ok(Self {
                path: path.to_owned(),
                fields,
            }),
            other => Err(expected("an object", &other, path)),
        }
    }
}

impl Read for String {
    fn read(value: Value, path: &str) -> Result<Self, Error> {
        match value {
            Value::String(text) => Ok(text),
            other => Err(expected("a string", &other, path)),
        }
    }
}

impl Read for bool {
    fn read(value: Value, path: &str) -> Result<Self, Error> {
        value
            .as_bool()
            .ok_or_else(|| expected("true or false", &value, path))
    }
}

impl Read for f64 {
    fn read(value: Value, path: &str) -> Result<Self, Error> {
        value
            .as_f64()
            .ok_or_else(|| expected("a number", &value, path))
    }
}

impl Read for i64 {
    fn read(value: Value, path: &str) -> Result<Self, Error> {
        value
            .as_i64()
            .ok_or_else(|| at(path, "must be a whole number of 64 bits"))
    }
}

impl Read for u64 {
    fn read(value: Value, path: &str) -> Result<Self, Error> {
        value
            .as_u64()
            .ok_or_else(|| at(path, "must be a whole number, not negative"))
    }
}

impl Read for u32 {
    fn read(value: Value, path: &str) -> Result<Self, Error> {
        // JSON does not tell 4096 from 4096.0, and some clients' languages have only floats.
        let number = value.as_u64().or_else(|| {
            value
                .as_f64()
                .filter(|n| n.fract() == 0.0 && (0.0..=f64::from(u32::MAX)).contains(n))
                .map(|n| n as u64)
        });
        number
            .and_then(|n| u32::try_from(n).ok())
            .ok_or_else(|| at(path, "must be a whole number from 0 to 4294967295"))
    }
}

impl<T: Read> Read for Vec<T> {
    fn read(value: Value, path: &str) -> Result<Self, Error> {
        match value {
            Value::Array(items) => items
                .into_iter()
                .enumerate()
                .map(|(i, item)| T::read(item, &format!("{path}[{i}]")))
                .collect(),
            other => Err(expected("an array", &other, path)),
        }
    }
}

/// A value that may be a text or a list of objects, as contents are.
#[derive(Debug)]
pub(crate) enum TextOr<T> {
    /// A text.
    Text(String),
    /// The other form.
    Other(T),
}

impl<T: Read> Read for TextOr<T> {
    fn read(value: Value, path: &str) -> Result<Self, Error> {
        match value {
            Value::String(text) => Ok(Self::Text(text)),
            value @ (Value::Array(_) | Value::Object(_)) => T::read(value, path).map(Self::Other),
            other => Err(expected("a string, or objects", &other, path)),
        }
    }
}
