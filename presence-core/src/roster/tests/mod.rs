//! What the roster promises, attacked.

mod beats;
mod bounds;
mod clocks;
mod declared;
mod diffs;
mod forgotten;
mod leaves;
mod nodes;
mod stage;
mod undo;
