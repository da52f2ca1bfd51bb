//! What the roster promises, attacked.

mod bounds;
mod diffs;
mod leaves;
mod nodes;
mod stage;
