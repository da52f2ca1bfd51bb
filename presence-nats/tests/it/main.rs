//! The store on NATS keeps the contract, and its own promises.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod broker;
mod conformance;
mod drills;
mod own;
mod records;
mod refusals;
mod rig;
