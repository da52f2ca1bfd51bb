//! The pages in a real browser, against the real server, in real time.
//!
//! No step depends on time: each waits for a state of the page, at most [`PATIENCE`], and when that
//! has passed it fails with the content of the page.

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
