//! Bodies, read up to a bound.

use super::BodyError;
use axum::body::Body;
use axum::extract::Request;
use bytes::{Bytes, BytesMut};
use futures_util::FutureExt;
use http::header;
use http_body::Body as _;
use http_body_util::BodyExt;
use std::pin::pin;
use std::time::Duration;

/// How long a body may take to arrive once its head has.
const SLOWEST: Duration = Duration::from_secs(10);
/// How much of a body that is too large is read and thrown away before it is refused.
///
/// A client that is still sending when the connection closes sees a reset and no answer; whoever
/// sends more than this gets just that.
const DRAINED: usize = 4 * 1024 * 1024;

/// Reads a whole body of up to `limit` bytes; one that came in one piece is not copied.
pub(super) async fn read(request: Request, limit: usize) -> Result<Bytes, BodyError> {
    let (head, mut body) = request.into_parts();
    let announced = body.size_hint().lower();
    if announced > limit as u64 && (announced > DRAINED as u64 || head.headers.contains_key(header::EXPECT)) {
        return Err(BodyError::TooLarge); // far too large, or not sent before we ask for it
    }
    // A body mostly comes with its head; a timer is set only for one that does not.
    let mut gathering = pin!(gather(&mut body, limit));
    match gathering.as_mut().now_or_never() {
        Some(outcome) => outcome,
        None => tokio::time::timeout(SLOWEST, gathering).await.unwrap_or(Err(BodyError::TooSlow)),
    }
}

async fn gather(body: &mut Body, limit: usize) -> Result<Bytes, BodyError> {
    let mut first = Bytes::new();
    let mut all = BytesMut::new();
    while let Some(frame) = body.frame().await {
        let Ok(data) = frame.map_err(|_| BodyError::Broken)?.into_data() else { continue };
        if first.len() + all.len() + data.len() > limit {
            drain(body).await;
            return Err(BodyError::TooLarge);
        }
        if first.is_empty() && all.is_empty() {
            first = data;
        } else {
            all.extend_from_slice(&std::mem::take(&mut first));
            all.extend_from_slice(&data);
        }
    }
    Ok(if all.is_empty() { first } else { all.freeze() })
}

/// Throws away what is left of a body, up to a bound.
async fn drain(body: &mut Body) {
    let mut drained = 0;
    while let Some(Ok(frame)) = body.frame().await {
        drained += frame.data_ref().map_or(0, Bytes::len);
        if drained > DRAINED {
            return;
        }
    }
}
