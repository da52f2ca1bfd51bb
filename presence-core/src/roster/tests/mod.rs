//! Tests of the roster.

mod beats;
mod bounds;
mod budget;
mod cases;
mod clocks;
mod declared;
mod diffs;
mod due;
mod exhaustive;
mod forgotten;
mod histories;
mod leaves;
mod nodes;
mod outages;
mod reader;
mod readers;
mod reference;
mod stage;
mod threads;
mod undo;
mod wheel;
mod work;
