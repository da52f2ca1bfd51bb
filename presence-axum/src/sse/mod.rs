//! Server-Sent Events: snapshots at intervals, diffs of one or many scopes, and channels of a
//! broker that can be resumed.

mod diff;
mod encoded;
mod many;
mod members;
mod replay;
mod shared_map;
mod snapshot;
mod ticker;
mod watcher;

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

/// What the streams of one mount share.
#[derive(Default)]
pub(crate) struct Streams {
    snapshots: snapshot::Tickers,
    diffs: diff::Encoders,
    many: diff::Encoders,
}

/// The scope of a stream: one topic, or `None` for everybody.
type Key = Option<Topic>;

/// An unnamed event: `data: <JSON>` and an empty line.
///
/// A value that cannot be serialised gives an empty comment instead, and an error in the log.
///
/// ```
/// use presence_axum::sse;
/// assert_eq!(sse::event(&[1, 2], 16), "data: [1,2]\n\n");
/// ```
pub fn event(data: &impl Serialize, room: usize) -> Bytes {
    write(b"data: ", data, room)
}

/// An event: `head` are its leading fields, up to and including `data: `.
fn write(head: &[u8], data: &impl Serialize, room: usize) -> Bytes {
    let mut frame = Vec::with_capacity(head.len() + room + 2);
    frame.extend_from_slice(head);
    // serde_json writes no line breaks, so the JSON is on one line.
    if let Err(error) = serde_json::to_writer(&mut frame, data) {
        tracing::error!(%error, "an event could not be serialised");
        return Bytes::from_static(b":\n\n");
    }
    frame.extend_from_slice(b"\n\n");
    frame.into()
}

/// A response that is a stream of events. A header keeps proxies from buffering it.
///
/// The frames are not copied: each should be one or more whole events.
///
/// ```
/// use axum::response::Response;
/// use futures_util::stream;
/// use presence_axum::sse;
///
/// async fn greeting() -> Response {
///     sse::response(stream::iter([sse::event(&"hello", 16)]))
/// }
/// ```
pub fn response(frames: impl Stream<Item = Bytes> + Send + 'static) -> Response {
    let headers: [(HeaderName, &str); 4] = [
        (header::CONTENT_TYPE, "text/event-stream"),
        (header::CACHE_CONTROL, "no-cache, no-transform"),
        (HeaderName::from_static("x-accel-buffering"), "no"),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    ];
    (headers, Body::from_stream(frames.map(Ok::<_, Infallible>))).into_response()
}
