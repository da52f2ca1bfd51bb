//! Decodes replies of Redis.

use crate::error::unexpected;
use presence_core::store::Result;
use redis::Value;

/// Decodes a string; `None` if the value is not UTF-8 text.
pub fn text(value: &Value) -> Option<&str> {
    match value {
        Value::BulkString(bytes) => std::str::from_utf8(bytes).ok(),
        Value::SimpleString(text) => Some(text),
        _ => None,
    }
}

/// Decodes a list.
pub fn list(value: Value, what: &'static str) -> Result<Vec<Value>> {
    match value {
        Value::Array(values) | Value::Set(values) => Ok(values),
        // A hash in RESP3.
        Value::Map(pairs) => Ok(pairs.into_iter().flat_map(<[Value; 2]>::from).collect()),
        _ => Err(unexpected(what)),
    }
}

/// Decodes a list of `N` elements.
pub fn tuple<const N: usize>(value: Value, what: &'static str) -> Result<[Value; N]> {
    list(value, what)?.try_into().map_err(|_| unexpected(what))
}

/// Decodes alternating names and values; a pair that is not text is `None`.
pub fn pairs(values: &[Value]) -> impl Iterator<Item = Option<(&str, &str)>> {
    values.chunks_exact(2).map(|pair| Some((text(&pair[0])?, text(&pair[1])?)))
}
