//! Ends event streams when the server drains.

use axum::body::Body;
use axum::response::Response;
use bytes::Bytes;
use http::{HeaderValue, header};
use http_body::{Body as HttpBody, Frame, SizeHint};
use pin_project_lite::pin_project;
use presence_core::random;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use tokio_util::sync::{CancellationToken, WaitForCancellationFutureOwned};

/// The range, in milliseconds, from which each reader gets a random time to reconnect
/// after a drain.
const SPREAD: std::ops::Range<u64> = 1_000..6_000;

/// Ends an event stream when the server drains. Any other response is sent to its end.
pub(super) fn until_drained(answer: Response, drain: &CancellationToken) -> Response {
    let streams = answer.headers().get(header::CONTENT_TYPE).is_some_and(is_event_stream);
    if !streams {
        return answer;
    }
    let drained = drain.clone().cancelled_owned();
    answer.map(|stream| Body::new(UntilDrained { stream, drained: Some(drained), ended: false }))
}

fn is_event_stream(kind: &HeaderValue) -> bool {
    kind.as_bytes().starts_with(b"text/event-stream")
}

pin_project! {
    struct UntilDrained {
        #[pin]
        stream: Body,
        #[pin]
        drained: Option<WaitForCancellationFutureOwned>,
        ended: bool,
    }
}

impl HttpBody for UntilDrained {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        let mut this = self.project();
        if *this.ended {
            return Poll::Ready(None);
        }
        if let Some(drained) = this.drained.as_mut().as_pin_mut()
            && drained.poll(cx).is_ready()
        {
            *this.ended = true;
            return Poll::Ready(Some(Ok(Frame::data(reconnect_hint()))));
        }
        let frame = ready!(this.stream.poll_frame(cx));
        *this.ended = frame.is_none();
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        self.ended
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::default()
    }
}

/// The last event: a random reconnection delay for each reader, since all lose their
/// stream at once.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    clippy::cast_precision_loss,
    reason = "small and positive"
)]
fn reconnect_hint() -> Bytes {
    let within = (SPREAD.end - SPREAD.start) as f64;
    let after = SPREAD.start + (random::fraction() * within) as u64;
    format!("retry: {after}\n\n").into()
}
