//! What the roster promises, attacked.

mod beats;
mod bounds;
mod clocks;
mod declared;
mod diffs;
mod forgotten;
mod histories;
mod leaves;
mod nodes;
mod reader;
mod reference;
mod stage;
mod undo;
