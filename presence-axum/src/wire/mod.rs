//! The JSON format of this crate: bodies of hits, and responses.
//!
//! A service with a format of its own has its own types and does not need these.
#![doc = include_str!("../../docs/wire.md")]

mod hit;
mod people;
mod stream;

pub use hit::{Entered, Hit, HitResponse, Socket};
pub(crate) use hit::{fields_of, invalid, leave_kind, session_name, topics_of, user_name, wrong};
pub(crate) use people::large;
pub use people::{CountsBody, ListBody, People, Person, TopicCounts, Topics};
pub(crate) use stream::view_word;
pub use stream::{Ids, Lists, Shortened, diff, snapshot, state, view};

use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use http::{HeaderName, HeaderValue, StatusCode, header};
use serde::Serialize;

const JSON: HeaderValue = HeaderValue::from_static("application/json");
/// Keeps browsers from guessing a content type other than the declared one.
const NOSNIFF: (HeaderName, HeaderValue) =
    (header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));

/// A JSON response with this status.
///
/// It must not be cached, since it describes the present moment.
///
/// ```
/// use http::StatusCode;
/// use presence_axum::wire;
/// let response = wire::json(StatusCode::OK, &serde_json::json!({ "online": 3 }));
/// assert_eq!(response.headers()["cache-control"], "no-store");
/// ```
pub fn json(status: StatusCode, value: &impl Serialize) -> Response {
    response(status, text(value, 256))
}

/// The response with this JSON.
pub(crate) fn response(status: StatusCode, text: serde_json::Result<Bytes>) -> Response {
    match text {
        Ok(body) => {
            let headers = [
                (header::CONTENT_TYPE, JSON),
                (header::CACHE_CONTROL, HeaderValue::from_static("no-store")),
                NOSNIFF,
            ];
            (status, headers, body).into_response()
        }
        // Only a map whose keys are not strings, or a failing `Serialize`, leads here.
        Err(error) => {
            tracing::error!(%error, "a response could not be serialised");
            StatusCode::INTERNAL_SERVER_ERROR.into_response()
        }
    }
}

/// The JSON of a value. `room` is the initial capacity of the buffer, in bytes.
pub(crate) fn text(value: &impl Serialize, room: usize) -> serde_json::Result<Bytes> {
    let mut buffer = Vec::with_capacity(room);
    serde_json::to_writer(&mut buffer, value)?;
    Ok(buffer.into())
}
