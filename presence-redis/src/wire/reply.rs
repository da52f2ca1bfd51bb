//! Reading what Redis answers.

use crate::error::unexpected;
use presence_core::store::Result;
use redis::Value;

/// A text; `None` for anything that is none of ours.
pub fn text(value: &Value) -> Option<&str> {
    match value {
        Value::BulkString(bytes) => std::str::from_utf8(bytes).ok(),
        Value::SimpleString(text) => Some(text),
        _ => None,
    }
}

/// The elements of a list.
pub fn list(value: Value, what: &'static str) -> Result<Vec<Value>> {
    match value {
        Value::Array(values) | Value::Set(values) => Ok(values),
        // A hash as the newer protocol tells it.
        Value::Map(pairs) => Ok(pairs.into_iter().flat_map(<[Value; 2]>::from).collect()),
        _ => Err(unexpected(what)),
    }
}

/// A list of a known length.
pub fn tuple<const N: usize>(value: Value, what: &'static str) -> Result<[Value; N]> {
    list(value, what)?.try_into().map_err(|_| unexpected(what))
}

/// Names and what belongs to them; a pair that is no text comes as `None`.
pub fn pairs(values: &[Value]) -> impl Iterator<Item = Option<(&str, &str)>> {
    values.chunks_exact(2).map(|pair| Some((text(&pair[0])?, text(&pair[1])?)))
}
