//! The Redis store keeps the contract, and its own promises.
#![allow(clippy::expect_used, clippy::unwrap_used, reason = "a test fails by panicking")]

mod broker;
mod conformance;
mod drills;
mod records;
mod rig;
