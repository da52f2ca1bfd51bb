//! Integration tests of the store and of the broker, on real NATS servers.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod broker;
mod conformance;
mod drills;
mod own;
mod records;
mod refusals;
mod rig;
