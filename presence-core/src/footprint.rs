//! How much memory things take, by estimate: for whoever keeps sessions within a budget of bytes.
//!
//! Counted is what is asked of the allocator, and about what that adds. The estimates are compared
//! with a counting allocator in tests.

use serde_json::Value;

/// What a piece of memory of its own costs beside its bytes: the allocator's own, and rounding.
pub const PIECE: usize = 16;

/// What a name takes beside its place: short ones live inside it.
#[must_use]
pub const fn name(len: usize) -> usize {
    const INLINE: usize = 24;
    if len > INLINE { len + PIECE } else { 0 }
}

/// What a JSON value takes beside its own place. Much more than its text, where that is full of
/// small arrays and objects.
#[must_use]
pub fn json(value: &Value) -> usize {
    /// A node of the tree that objects are: places for eleven names and values, however few there
    /// are.
    const NODE: usize = 11 * (size_of::<String>() + size_of::<Value>()) + 2 * PIECE;
    match value {
        Value::Null | Value::Bool(_) | Value::Number(_) => 0,
        Value::String(text) => text.len() + PIECE,
        Value::Array(values) if values.is_empty() => 0,
        Value::Array(values) => {
            // It grows by doubling, from four.
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
