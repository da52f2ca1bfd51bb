//! The pages in a real browser, against the real server, in real time.
//!
//! Nothing here is timed: each step waits for what must come to be, as long as [`PATIENCE`], and a
//! step that waits in vain says what the page showed.

mod active_idle;
mod bare;
mod blinding;
mod chat_gateway;
mod chromium;
mod client;
mod demo;
mod job_events;
mod live;
mod looks;
mod outage;
mod pipe;
mod site;
mod tab;

use std::time::Duration;

/// How long a test waits for anything: far longer than it takes on a machine that is busy with
/// other things.
const PATIENCE: Duration = Duration::from_mins(1);
