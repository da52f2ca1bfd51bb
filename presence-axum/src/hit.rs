//! `POST /v1/hit`: a beat, or a leave, over HTTP.

use crate::metrics::HITS;
use crate::wire::{Hit, Taken};
use crate::{Error, LenientJson, Mount};
use axum::extract::{Request, State};
use axum::response::{IntoResponse, Response};
use presence_core::{Beat, Beaten, Presence, Timestamp};

/// Takes a hit.
pub async fn post(State(mount): State<Mount>, request: Request) -> Response {
    match take(&mount, request).await {
        Ok(taken) => taken.into_response(),
        Err(error) => {
            HITS.failed(&error);
            error.into_response()
        }
    }
}

async fn take(mount: &Mount, request: Request) -> Result<Taken, Error> {
    let body = LenientJson::read(request, mount.gate().limits().body).await?;
    match Hit::read(&body)? {
        Hit::Beat(beat) => Ok(Taken { placed_at: record(mount.presence(), beat).await? }),
        Hit::Leave(leave) => {
            mount.presence().leave(leave).await?;
            HITS.left.increment(1);
            Ok(Taken { placed_at: None })
        }
    }
}

/// Takes a beat and counts what became of it; answers the session's placement, or `None` for a beat that came too late.
///
/// For services whose hits have another format.
///
/// # Errors
/// Those of [`Presence::beat`]: 202 when the store does not have it yet, 503 when there is no room for it.
pub async fn record(presence: &Presence, beat: Beat) -> Result<Option<Timestamp>, Error> {
    let (counter, placed_at) = match presence.beat(beat).await? {
        Beaten::Stored { placed_at } => (&HITS.stored, Some(placed_at)),
        Beaten::Postponed { placed_at } => (&HITS.postponed, Some(placed_at)),
        // It was under way when its session left: all is well, and there is nothing to tell.
        _ => (&HITS.late, None),
    };
    counter.increment(1);
    Ok(placed_at)
}
