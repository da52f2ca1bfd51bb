//! The wire format and the server, over real sockets on free ports.
//!
//! Presence time and ticks go by a `ManualClock`; sockets keep their own time, and no assertion
//! depends on it.
#![expect(clippy::expect_used, clippy::unwrap_used, reason = "a test fails by panicking, in its helpers too")]

#[cfg(feature = "auth")]
mod auth;
mod bounds;
mod client;
mod cors;
mod degraded;
mod descriptors;
mod diff;
mod hidden;
mod hits;
mod hostile;
#[cfg(feature = "auth")]
mod identity;
mod limits;
mod log;
mod many;
mod plain;
mod queries;
mod replay;
mod rig;
mod serving;
mod slow;
mod snapshot;
mod sniffing;
mod spans;
mod ws;
