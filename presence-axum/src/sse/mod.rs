//! Server-Sent Events: snapshots that everybody shares, diffs of one scope or of many, and channels
//! of a broker that can be resumed.

mod caller;
mod diff;
mod encoded;
mod many;
mod members;
mod replay;
mod shared_map;
mod snapshot;
mod ticker;

pub use diff::diff;
pub use many::{get, post};
pub use replay::{Begin, Ping, Replay, Resume};
pub use snapshot::snapshot;
pub use ticker::Ticker;

use axum::body::Body;
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use futures_util::{Stream, StreamExt};
use http::{HeaderName, header};
use presence_core::Topic;
use serde::Serialize;
use std::convert::Infallible;

/// The streams of one mount: what viewers of the same thing share.
#[derive(Default)]
pub(crate) struct Streams {
    snapshots: snapshot::Tickers,
    diffs: diff::Encoders,
    many: diff::Encoders,
}

/// Whom a stream is about: everybody, or those in one topic.
type Key = Option<Topic>;

/// An unnamed event: `data: <JSON>` and an empty line.
///
/// A value that cannot be written as JSON gives an empty comment instead, and an error in the log.
pub fn event(data: &impl Serialize, room: usize) -> Bytes {
    write(b"data: ", data, room)
}

/// The event of these leading fields, up to and including `data: `.
fn write(head: &[u8], data: &impl Serialize, room: usize) -> Bytes {
    let mut frame = Vec::with_capacity(head.len() + room + 2);
    frame.extend_from_slice(head);
    // JSON on one line: serde_json breaks none.
    if let Err(error) = serde_json::to_writer(&mut frame, data) {
        tracing::error!(%error, "an event could not be written");
        return Bytes::from_static(b":\n\n");
    }
    frame.extend_from_slice(b"\n\n");
    frame.into()
}

/// The answer that is a stream of events. Proxies are told to pass each on at once.
///
/// The frames are not copied: each should be one or more whole events.
pub fn response(frames: impl Stream<Item = Bytes> + Send + 'static) -> Response {
    let headers: [(HeaderName, &str); 4] = [
        (header::CONTENT_TYPE, "text/event-stream"),
        (header::CACHE_CONTROL, "no-cache, no-transform"),
        (HeaderName::from_static("x-accel-buffering"), "no"),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    ];
    (headers, Body::from_stream(frames.map(Ok::<_, Infallible>))).into_response()
}
