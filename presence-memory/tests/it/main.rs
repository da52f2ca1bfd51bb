//! The memory store passes the conformance suite, and has further guarantees.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod broker;
mod conformance;
mod own;
mod presence;
