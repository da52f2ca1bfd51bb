//! The cookbook: each program does what its page describes, and each page contains its program.
#![expect(clippy::expect_used, clippy::unwrap_used, reason = "a test fails by panicking, in its helpers too")]

mod authentication;
#[expect(dead_code, reason = "what other tests than these look at")]
#[path = "../../../presence-axum/tests/it/client.rs"]
mod client;
mod deployment;
mod friends;
mod kick;
mod last_seen;
mod limits;
mod migration;
mod pages;
mod processes;
mod proxies;
mod rig;
mod rooms;
mod sockets;
mod testing;
mod tls;
mod typing;
mod worker;
#[expect(dead_code, reason = "what other tests than these look at")]
#[path = "../../../presence-axum/tests/it/ws/client.rs"]
mod ws;
