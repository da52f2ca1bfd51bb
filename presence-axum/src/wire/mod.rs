//! Our own wire format: what hits say, and what is answered.
//!
//! A service with another format has its own types, and leaves these alone.
#![doc = include_str!("../../docs/wire.md")]

mod hit;
mod people;
mod stream;

pub use hit::{Entered, Hit, HitResponse, Socket};
pub(crate) use hit::{invalid, said_of, session_name, topics_of, user_name, wrong};
pub(crate) use people::large;
pub use people::{CountsBody, ListBody, People, Person, TopicCounts, Topics};
pub(crate) use stream::view_word;
pub use stream::{Ids, Lists, Shortened, diff, snapshot, state, view};

use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use http::{HeaderName, HeaderValue, StatusCode, header};
use serde::Serialize;

const JSON: HeaderValue = HeaderValue::from_static("application/json");
/// No browser takes an answer for something else than it says it is.
const NOSNIFF: (HeaderName, HeaderValue) =
    (header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));

/// A JSON answer with this status.
///
/// Answers are about this moment, so nobody may keep them.
pub fn json(status: StatusCode, value: &impl Serialize) -> Response {
    match text(value, 128) {
        Ok(body) => {
            let headers = [
                (header::CONTENT_TYPE, JSON),
                (header::CACHE_CONTROL, HeaderValue::from_static("no-store")),
                NOSNIFF,
            ];
            (status, headers, body).into_response()
        }
        // Only a map whose keys are no strings, or a failing `Serialize`, ends up here.
        Err(error) => {
            tracing::error!(%error, "an answer could not be written");
            StatusCode::INTERNAL_SERVER_ERROR.into_response()
        }
    }
}

/// The JSON of a value, in a buffer that starts with room for this many bytes.
pub(crate) fn text(value: &impl Serialize, room: usize) -> serde_json::Result<Bytes> {
    let mut buffer = Vec::with_capacity(room);
    serde_json::to_writer(&mut buffer, value)?;
    Ok(buffer.into())
}
