//! The memory store passes the conformance suite, and keeps its own guarantees.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod broker;
mod conformance;
mod own;
mod presence;
