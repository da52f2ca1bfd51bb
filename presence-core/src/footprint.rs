//! Estimates of the memory of values, for stores and rosters with a budget of bytes.
//!
//! They count the bytes requested from the allocator, and its usual overhead. Tests compare them
//! with a counting allocator.

use serde_json::Value;

/// Overhead of a separate allocation, in bytes: the allocator's own, and rounding.
pub const PIECE: usize = 16;

/// Bytes of a name besides its inline storage, which contains short names completely.
#[must_use]
pub const fn name(len: usize) -> usize {
    const INLINE: usize = 24;
    if len > INLINE { len + PIECE } else { 0 }
}

/// Bytes of a JSON value besides the `Value` itself. Much more than its text if it has many small
/// arrays and objects.
#[must_use]
pub fn json(value: &Value) -> usize {
    /// A node of the tree in which an object is stored. It always has room for eleven
    /// names and values.
    const NODE: usize = 11 * (size_of::<String>() + size_of::<Value>()) + 2 * PIECE;
    match value {
        Value::Null | Value::Bool(_) | Value::Number(_) => 0,
        Value::String(text) => text.len() + PIECE,
        Value::Array(values) if values.is_empty() => 0,
        Value::Array(values) => {
            // Arrays grow by doubling, starting at four.
            let places = values.len().next_power_of_two().max(4);
            PIECE + places * size_of::<Value>() + values.iter().map(json).sum::<usize>()
        }
        Value::Object(fields) if fields.is_empty() => 0,
        Value::Object(fields) => {
            let inside: usize = fields.iter().map(|(name, value)| PIECE + name.len() + json(value)).sum();
            // Nodes are about two thirds full.
            fields.len().div_ceil(7) * NODE + inside
        }
    }
}
