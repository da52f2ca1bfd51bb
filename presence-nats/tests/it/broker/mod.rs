//! Tests of the broker on NATS.

mod conformance;
mod drills;
mod own;
