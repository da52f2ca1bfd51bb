//! `POST /v1/hit`: a heartbeat or a leave over HTTP.

use crate::auth::{Identity, Transport};
use crate::metrics::HITS;
use crate::wire::{Entered, Hit, HitResponse};
use crate::{Error, LenientJson, Mount};
use axum::body::Body;
use axum::extract::{Request, State};
use axum::handler::Handler;
use axum::response::{IntoResponse, Response};
use futures_util::{FutureExt, TryFutureExt};
use http::StatusCode;
use http::request::Parts;
use metrics::Counter;
use presence_core::{Beat, BeatKind, BeatOutcome, Leave, Presence, Timestamp};
use std::future::Future;
use std::pin::Pin;

/// The handler: authenticates the caller, and records the hit.
///
/// ```
/// # fn example(mount: presence_axum::Mount) -> axum::Router {
/// use axum::{Router, routing::post};
/// Router::new().route("/here", post(presence_axum::hit::post)).with_state(mount)
/// # }
/// ```
pub fn post(State(mount): State<Mount>, request: Request) -> impl Future<Output = Response> + Send {
    // Taken apart here, so that the future does not have room for the request as well.
    let (mut head, body) = request.into_parts();
    async move {
        let hit = match read(&mount, &mut head, body).await.inspect_err(refused) {
            Ok(hit) => hit,
            Err(error) => return error.into_response(),
        };
        take(&mount, hit).await.into_response()
    }
}

/// Records a hit. Not an `async fn`, whose future would have room for the hit beside the beat.
fn take(mount: &Mount, hit: Hit) -> impl Future<Output = Result<HitResponse, Error>> + Send {
    let presence = mount.presence();
    match hit {
        Hit::Beat(beat) => {
            let entered = (beat.kind == BeatKind::Enter)
                .then(|| Entered::of(&beat.user, presence.policy(), mount.socket()));
            let recording = presence.beat(beat).map(recorded);
            recording.map_ok(|placed_at| HitResponse { placed_at, entered }).left_future()
        }
        Hit::Leave(leave) => record_leave(presence, leave).map_ok(|()| HitResponse::default()).right_future(),
    }
}

/// [`post`] as a handler of its own: axum would box a future with two more copies of the request
/// around it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Post;

impl Handler<(), Mount> for Post {
    type Future = Pin<Box<dyn Future<Output = Response> + Send>>;

    fn call(self, request: Request, mount: Mount) -> Self::Future {
        Box::pin(post(State(mount), request))
    }
}

/// Reads a hit, and checks that the caller may send it and has not used up a quota.
async fn read(mount: &Mount, head: &mut Parts, body: Body) -> Result<Hit, Error> {
    mount.limiter().hit(&head.extensions, &head.headers)?;
    let caller = mount.caller(head, Transport::Request).await?;
    let body = LenientJson::read_body(&head.headers, body, mount.limiter().limits().body).await?;
    let hit = Hit::read(&body, caller.user())?;
    permit(mount, &caller, &hit).await?;
    Ok(hit)
}

async fn permit(mount: &Mount, caller: &Identity, hit: &Hit) -> Result<(), Error> {
    mount.permit_speaking(caller, hit.user()).await?;
    mount.limiter().hit_of(hit.user())?;
    if let Hit::Beat(beat) = hit
        && let Some(topics) = &beat.topics
    {
        mount.permit_entering(caller, topics.names()).await?;
    }
    Ok(())
}

/// Records a beat and counts its outcome. Returns the time of the session's placement, or `None`
/// for a beat that arrived after its session had left.
///
/// For services whose hits have another format.
///
/// ```
/// # use presence_core::{Presence, UserId};
/// # async fn example(presence: &Presence, ada: UserId) -> Result<(), presence_axum::Error> {
/// use presence_axum::hit;
/// use presence_core::{Beat, SessionId};
/// let tab = SessionId::new("tab-1").map_err(|_| presence_axum::Error::bad_request("no tab"))?;
/// hit::record(presence, Beat::enter(ada, tab)).await?;
/// # Ok(()) }
/// ```
///
/// # Errors
/// Those of [`Presence::beat`]: 202 when the store does not have it yet, 503 when there is no room
/// for it.
pub async fn record(presence: &Presence, beat: Beat) -> Result<Option<Timestamp>, Error> {
    recorded(presence.beat(beat).await)
}

/// Counts the outcome of a beat, and returns the time of the session's placement.
fn recorded(beaten: Result<BeatOutcome, presence_core::Error>) -> Result<Option<Timestamp>, Error> {
    count(&beaten);
    Ok(match beaten? {
        BeatOutcome::Stored { placed_at } | BeatOutcome::Postponed { placed_at } => Some(placed_at),
        // The beat was under way when its session left: it is ignored, and that is no error.
        _ => None,
    })
}

/// Records a leave and counts its outcome.
///
/// ```
/// # use presence_axum::Error;
/// # use presence_core::{Presence, SessionId, UserId};
/// # async fn example(presence: &Presence, ada: UserId, tab: SessionId) -> Result<(), Error> {
/// use presence_axum::hit;
/// use presence_core::Leave;
/// hit::record_leave(presence, Leave::new(ada, tab)).await?;
/// # Ok(()) }
/// ```
///
/// # Errors
/// Those of [`Presence::leave`].
pub async fn record_leave(presence: &Presence, leave: Leave) -> Result<(), Error> {
    let left = presence.leave(leave).await;
    count_leave(&left);
    Ok(left?)
}

/// Counts the outcome of a beat, for services that answer errors in their own way.
///
/// ```
/// # use presence_core::{Beat, Presence};
/// # async fn example(presence: &Presence, beat: Beat) -> http::StatusCode {
/// use http::StatusCode;
/// use presence_axum::hit;
/// let beaten = presence.beat(beat).await;
/// hit::count(&beaten);
/// if beaten.is_ok() { StatusCode::NO_CONTENT } else { StatusCode::SERVICE_UNAVAILABLE }
/// # }
/// ```
pub fn count(beaten: &Result<BeatOutcome, presence_core::Error>) {
    let counter = match beaten {
        Ok(BeatOutcome::Stored { .. }) => &HITS.stored,
        Ok(BeatOutcome::Postponed { .. }) => &HITS.postponed,
        Ok(_) => &HITS.late,
        Err(error) => counter_of(error),
    };
    counter.increment(1);
}

/// Counts the outcome of a leave, for services that answer errors in their own way.
pub fn count_leave(left: &Result<(), presence_core::Error>) {
    left.as_ref().map_or_else(counter_of, |()| &HITS.left).increment(1);
}

fn counter_of(error: &presence_core::Error) -> &'static Counter {
    match error {
        presence_core::Error::Degraded(_) => &HITS.degraded,
        presence_core::Error::Invalid(_) => &HITS.invalid,
        _ => &HITS.refused,
    }
}

/// Counts a hit that was refused before it was recorded.
pub fn refused(error: &Error) {
    let status = error.status();
    let counter = match status {
        StatusCode::ACCEPTED => &HITS.degraded,
        _ if status.is_client_error() => &HITS.invalid,
        _ => &HITS.refused,
    };
    counter.increment(1);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn the_future_of_a_hit_fits_the_fast_path_of_malloc() {
        let mount = Mount::new(Presence::builder(presence_memory::MemoryStore::new()).start().unwrap());
        let bytes = size_of_val(&post(State(mount), Request::default()));
        // What glibc caches for each thread, without the header.
        assert!(bytes <= 1032, "{bytes} bytes");
    }
}
