//! Presence over HTTP: hits, Server-Sent Events and queries, for any axum app.
//!
//! [`Mount`] is everything in one value: mount its routes, or give single handlers paths of your
//! own. A service with a wire format of its own writes short handlers from the same pieces:
//! [`LenientJson`] bodies, [`Error`] responses, [`sse::Ticker`] and [`sse::Replay`] streams,
//! [`ws::Gateway`]s, [`limits::Permit`]s, a [`PresenceLayer`] with [`Cors`].
//! [`serve`](serve::serve) is the server that the examples run on. [`auth`] is about who calls, and
//! what they may do.
//!
//! # Metrics
//! Through the `metrics` facade: the host chooses the exporter, and installs it before it starts
//! anything. Their names are in one table:
//! [METRICS.md](https://github.com/presence-rs/presence/blob/main/METRICS.md).
#![cfg_attr(docsrs, feature(doc_cfg))]

pub mod assets;
pub mod auth;
#[cfg(any(test, fuzzing))]
#[doc(hidden)]
pub mod fuzzing;
pub mod health;
pub mod hit;
pub mod kick;
pub mod limits;
pub mod rest;
pub mod serve;
pub mod sse;
pub mod wire;
pub mod ws;

mod cors;
mod error;
mod layer;
mod lenient_json;
mod metrics;
mod mount;
mod pages;
mod query;
mod recent;
mod route;

pub use cors::{Cors, InvalidCors};
pub use error::{Error, method_not_allowed, not_found};
pub use layer::{PresenceLayer, PresenceLayerFuture, PresenceLayerService};
pub use lenient_json::{BodyError, Json, LenientJson, Number};
pub use limits::Limits;
pub use mount::Mount;
pub use route::Route;
