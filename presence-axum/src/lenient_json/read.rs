//! Reads bodies with limits on time and size.

use super::BodyError;
use axum::body::Body;
use bytes::{Bytes, BytesMut};
use futures_util::FutureExt;
use http::{HeaderMap, header};
use http_body::Body as _;
use http_body_util::BodyExt;
use std::pin::pin;
use std::time::Duration;

/// The time limit for a body, counted from its head.
const SLOWEST: Duration = Duration::from_secs(10);
/// How many bytes of a body that is too large are read and discarded before it is refused.
///
/// If the connection is closed while the client is still sending, the client sees a reset instead
/// of the response. That happens only to clients that send more than this.
const DRAINED: usize = 4 * 1024 * 1024;

/// Reads a whole body of up to `limit` bytes. A body that arrived in one piece is not copied.
pub(super) async fn read(headers: &HeaderMap, mut body: Body, limit: usize) -> Result<Bytes, BodyError> {
    let announced = body.size_hint().lower();
    if announced > limit as u64 && (announced > DRAINED as u64 || headers.contains_key(header::EXPECT)) {
        return Err(BodyError::TooLarge); // too large to drain, or the client waits for 100-continue
    }
    // Usually the body has arrived with its head; only otherwise a timer is needed.
    let mut gathering = pin!(gather(&mut body, limit));
    if let Some(outcome) = gathering.as_mut().now_or_never() {
        return outcome;
    }
    let slowly = Box::pin(tokio::time::timeout(SLOWEST, gathering));
    slowly.await.unwrap_or(Err(BodyError::TooSlow))
}

async fn gather(body: &mut Body, limit: usize) -> Result<Bytes, BodyError> {
    let mut first = Bytes::new();
    let mut all = BytesMut::new();
    while let Some(frame) = body.frame().await {
        let Ok(data) = frame.map_err(|_| BodyError::Broken)?.into_data() else { continue };
        if first.len() + all.len() + data.len() > limit {
            Box::pin(drain(body)).await;
            return Err(BodyError::TooLarge);
        }
        if first.is_empty() && all.is_empty() {
            first = data;
        } else {
            all.extend_from_slice(&std::mem::take(&mut first));
            all.extend_from_slice(&data);
        }
        // Known from the announced length: the body need not be asked once more.
        if body.is_end_stream() {
            break;
        }
    }
    Ok(if all.is_empty() { first } else { all.freeze() })
}

/// Reads and discards the rest of a body, up to `DRAINED` bytes.
async fn drain(body: &mut Body) {
    let mut drained = 0;
    while let Some(Ok(frame)) = body.frame().await {
        drained += frame.data_ref().map_or(0, Bytes::len);
        if drained > DRAINED {
            return;
        }
    }
}
