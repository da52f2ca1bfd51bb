//! WebSocket connections: presence, topics, short-lived values and messages over one connection.
//!
//! [`Mount::routes`](crate::Mount::routes) has one at `GET /v1/ws`, in this crate's own format
//! ([`Json`], [`wire`](crate::wire)). A service with another format implements [`Protocol`], and
//! uses a [`Gateway`] in a route of its own:
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
//! One task serves one connection. It passes frames to a state machine (`session`), which knows no
//! socket, and carries out the effects that this returns. The changes of a topic come from a
//! *room*, which the subscribers of the topic share: it collects changes for 100 ms, encodes them
//! once, and gives all subscribers the same frame. Nothing is queued for a slow reader: it gets the
//! current state instead of the changes that it missed, and messages from the broker's history.

mod close;
mod command;
mod connection;
mod frame;
#[cfg(any(test, fuzzing))]
pub(crate) mod fuzzing;
mod gateway;
mod handshake;
mod json;
mod pending;
mod protocol;
mod rate;
mod room;
mod rooms;
mod session;
mod settings;
mod socket;
mod states;
mod topic_feed;
mod typing;
mod update;
mod wake;

pub use close::Close;
pub use command::{Command, Content, Mode, Request, SessionFields, SubscriptionRequest, Token};
pub use frame::Frame;
pub(crate) use gateway::Core;
pub use gateway::{Gateway, channel_of};
pub use json::Json;
pub use protocol::{Frames, Protocol, Reference};
pub use settings::Settings;
pub use update::{Envelope, Hello, Problem, TopicSize, Typing, Update};

use crate::Mount;
use axum::extract::State;
use axum::response::Response;

/// `GET /v1/ws`: a socket in this crate's own format.
///
/// ```
/// # fn example(mount: presence_axum::Mount) -> axum::Router {
/// use axum::{Router, routing::get};
/// Router::new().route("/socket", get(presence_axum::ws::get)).with_state(mount)
/// # }
/// ```
pub async fn get(State(mount): State<Mount>, request: axum::extract::Request) -> Response {
    Gateway::of(&mount).upgrade(request).await
}
