//! What the runnable services promise: each line of their contracts, over real sockets
//! on free ports.
//!
//! Presence time and ticks go by a `ManualClock`; sockets keep their own time, as does the browser,
//! and no assertion depends on it.
#![expect(clippy::expect_used, clippy::unwrap_used, reason = "a test fails by panicking, in its helpers too")]

mod active_idle;
mod bounds;
mod browser;
mod chat_gateway;
#[path = "../../../../presence-axum/tests/it/client.rs"]
mod client;
mod hub_and_spoke;
mod job_events;
mod live;
#[path = "../../../../presence-axum/tests/it/log.rs"]
mod log;
mod metrics;
mod page_hits;
mod rig;
mod shipped;
mod with_users;
#[expect(dead_code, reason = "how the sockets of the library's own format connect")]
#[path = "../../../../presence-axum/tests/it/ws/client.rs"]
mod ws;
