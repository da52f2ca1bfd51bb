//! The in-memory store keeps the contract, and its own promises.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod broker;
mod conformance;
mod own;
mod presence;
