//! Sockets: presence, rooms, short-lived values and messages over one connection.
//!
//! [`Mount::routes`](crate::Mount::routes) has one at `GET /v1/ws`, which speaks our own format
//! ([`Json`], [`wire`](crate::wire)). A service with another format gives its [`Protocol`] to a
//! [`Gateway`] and has a route of its own:
//!
//! ```
//! use axum::{Router, extract::{Request, State}, response::Response, routing::get};
//! use presence_axum::ws::{Gateway, Json};
//! # use presence_axum::Mount;
//!
//! async fn socket(State(gateway): State<Gateway>, request: Request) -> Response {
//!     gateway.upgrade(request).await
//! }
//!
//! fn app(mount: &Mount) -> Router {
//!     let gateway = Gateway::new(mount, Json);
//!     Router::new().route("/ws", get(socket)).with_state(gateway)
//! }
//! # let _ = app;
//! ```
//!
//! # How it works
//! One task serves one connection. What it hears goes to a state machine without a socket, and what
//! that decides is done by the task. All that happens in a topic comes from a *room*, which the
//! subscribers of the topic share: its changes are gathered for 100 ms, written once, and handed to
//! all as one frame. A subscriber that reads slowly has nothing queued: it gets the state anew, and
//! messages from the broker's history.

mod asks;
mod close;
mod command;
mod connection;
mod frame;
#[cfg(any(test, fuzzing))]
pub(crate) mod fuzzing;
mod gateway;
mod handshake;
mod json;
mod place;
mod protocol;
mod rate;
mod room;
mod rooms;
mod session;
mod settings;
mod socket;
mod states;
mod typing;
mod update;
mod wake;

pub use close::Close;
pub use command::{Command, Request, Said, Token, Wish};
pub use frame::Frame;
pub(crate) use gateway::Core;
pub use gateway::{Gateway, channel_of};
pub use json::Json;
pub use protocol::{Frames, Protocol, Reference};
pub use settings::Settings;
pub use update::{Envelope, Hello, Problem, Typing, Update};

use crate::Mount;
use axum::extract::State;
use axum::response::Response;

/// `GET /v1/ws`: a socket that speaks our own format.
pub async fn get(State(mount): State<Mount>, request: axum::extract::Request) -> Response {
    Gateway::of(&mount).upgrade(request).await
}
