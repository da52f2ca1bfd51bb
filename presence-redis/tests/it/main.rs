//! Tests of the Redis store and broker on real servers: their contracts, and what this crate
//! documents beyond these.
#![allow(clippy::expect_used, clippy::unwrap_used, reason = "a test fails by panicking")]

mod broker;
mod conformance;
mod drills;
mod records;
mod rig;
