//! Tests that the servers work as documented, and that none is left running.
#![allow(clippy::expect_used, clippy::unwrap_used, reason = "a test that cannot have its server fails")]

mod cluster;
mod ending;
mod nats;
mod proxy;
mod redis;
mod sentinel;
#[cfg(feature = "tls")]
mod tls;
