//! What the roster promises, attacked.

mod bounds;
mod leaves;
mod stage;
