//! Presence over HTTP: hits, Server-Sent Events and queries, for any axum app.
//!
//! [`Mount`] is all of it in one value: mount its routes, or give its handlers paths of your own. A service with a wire
//! format of its own writes its own short handlers from the pieces: [`LenientJson`] bodies, [`Error`] answers,
//! [`sse::Ticker`] and [`sse::Replay`] streams, [`ws::Gateway`]s, [`limits::Permit`]s, an [`Edge`] with [`Cors`]. [`serve`](serve::serve) is
//! the server that our examples run on. Who calls, and what they may do, is asked by [`auth`].
//!
//! # Metrics
//! Through the `metrics` facade: the host chooses the exporter, and installs it before it serves.
//!
//! | name | kind | what it counts |
//! |---|---|---|
//! | `presence_hits_total` | counter, `outcome` | hits: `stored`, `postponed`, `late`, `left`, `degraded`, `invalid` (4xx), `refused` (5xx) |
//! | `presence_streams_open` | gauge | open streams |
//! | `presence_streams_refused_total` | counter, `reason` | streams refused: `full`, `client` |
//! | `presence_sse_events_total` | counter, `stream` | events handed to connections: `snapshot`, `diff`, `replay` |
//! | `presence_sse_skipped_total` | counter | snapshots that a slow reader never got, newer ones having come |
//! | `presence_sse_replay_lag_seconds` | histogram | from when the broker stored a live event (by its clock) until its first viewer here got it |
//! | `presence_sockets_open` | gauge | open WebSockets |
//! | `presence_sockets_total` | counter | WebSockets that were opened |
//! | `presence_sockets_closed_total` | counter, `reason` | WebSockets that were closed, by the table of [`ws::Close`]; also `gone` |
//! | `presence_socket_frames_total` | counter, `direction` | frames: `received`, `sent` |
//! | `presence_socket_errors_total` | counter | errors told to clients of WebSockets |
//! | `presence_socket_signals_lost_total` | counter | short-lived values that the broker could not take in time |
//! | `presence_connections_open` | gauge | connections of [`serve`](serve::serve) |
//! | `presence_connections_refused_total` | counter | connections beyond the cap |
//! | `presence_rate_refused_total` | counter, `of` | requests refused for their rate: of a `client`, of a `user` |
//! | `presence_auth_refused_total` | counter, `reason` | callers refused: `missing`, `invalid`, `expired`, `forbidden`, `foreign_origin`, `unavailable` |
#![cfg_attr(docsrs, feature(doc_cfg))]

pub mod auth;
pub mod health;
pub mod hit;
pub mod limits;
pub mod page;
pub mod rest;
pub mod serve;
pub mod sse;
pub mod wire;
pub mod ws;

mod caller;
mod cors;
mod edge;
mod error;
mod lenient_json;
mod metrics;
mod mount;
mod query;
mod route;

pub use cors::{Cors, InvalidCors};
pub use edge::{Edge, EdgeFuture, EdgeService};
pub use error::{Error, method_not_allowed, not_found};
pub use lenient_json::{BadBody, Json, LenientJson, Number};
pub use limits::Limits;
pub use mount::Mount;
pub use route::Route;
