//! The visits of a visitor, who is on one page at a time: that of the last hit.

use crate::Probe;
use crate::degraded::Degraded;
use presence_axum::hit;
use presence_core::store::Session;
use presence_core::{
    Beat, BeatKind, BeatOutcome, Leave, Meta, Presence, SessionId, SessionKey, Topic, Topics, UserId,
};
use serde_json::json;
use std::time::Duration;

/// What a hit reports.
#[derive(Debug)]
pub(crate) enum Visit {
    /// The page was loaded.
    Load { visitor: UserId, page: Topic },
    /// The page is still open.
    Beat { visitor: UserId, page: Topic },
    /// The page was unloaded.
    Unload { visitor: UserId, page: Topic },
}

/// The time limit for answering a hit, whatever the store does.
const PATIENCE: Duration = Duration::from_millis(1_900);

/// How long it usually takes until a process learns what another one has written.
const TOLD_WITHIN: Duration = Duration::from_millis(250);

/// Records a visit.
///
/// # Errors
/// [`Degraded`] if the store does not have it after at most 1.9 s.
pub(crate) async fn take(presence: &Presence, probe: &Probe, visit: Visit) -> Result<(), Degraded> {
    let taken = async {
        let told = match visit {
            Visit::Load { visitor, page } => beat(presence, visitor, page, true).await,
            Visit::Beat { visitor, page } => beat(presence, visitor, page, false).await,
            Visit::Unload { visitor, page } => leave(presence, probe, visitor, page).await,
        };
        // Some hits need no write, so before answering "stored" check that the store is there.
        let is_stored = told.inspect_err(|_| probe.discard())?;
        if is_stored { Ok(()) } else { probe.answers().await.map_err(Degraded::from) }
    };
    // The time limit only ends the wait: the write goes on in the background.
    tokio::time::timeout(PATIENCE, taken).await.unwrap_or(Err(Degraded::Timeout))
}

/// Returns whether the store was written.
async fn beat(presence: &Presence, visitor: UserId, page: Topic, loads: bool) -> Result<bool, Degraded> {
    let key = key(visitor)?;
    let known = presence.session(&key);
    let was_here = known.as_ref().is_some_and(|known| is_on(known, &page));
    let reloads = loads && was_here && known.as_ref().is_some_and(|known| is_open(presence, known));
    // A beat for the page that was just unloaded is late and ignored; one for another page enters
    // it.
    let enters = loads || !was_here;
    let meta = match known.as_ref() {
        _ if reloads => Some(Meta::new(json!({ RELOADED: true }))?),
        Some(known) if is_marked(known) && (enters || known.placement.left.is_some()) => {
            Some(Meta::new(json!({}))?)
        }
        _ => None,
    };
    let mut beat = Beat::renew(key.user, key.id).topics(Topics::new([page])?);
    beat.meta = meta;
    if enters {
        beat.kind = BeatKind::Enter;
    }
    let beaten = presence.beat(beat).await;
    hit::count(&beaten);
    Ok(matches!(beaten?, BeatOutcome::Stored { .. }))
}

/// An unload names the page that is left. If the visitor is not on that page, nothing changes.
async fn leave(presence: &Presence, probe: &Probe, visitor: UserId, page: Topic) -> Result<bool, Degraded> {
    let key = key(visitor)?;
    let mut known = presence.session(&key);
    if probe.is_shared() && !known.as_ref().is_some_and(|known| is_on(known, &page)) {
        // The load may have arrived at another process a moment ago.
        tokio::time::sleep(TOLD_WITHIN).await;
        known = presence.session(&key);
    }
    if known.is_some_and(|known| awaits_unload(presence, &known)) {
        return Ok(false);
    }
    let left = presence.leave(Leave::new(key.user, key.id).topics(vec![page])).await;
    hit::count_leave(&left);
    left?;
    // The result does not tell whether there was anything to leave.
    Ok(false)
}

/// All tabs of a visitor share one session.
fn key(visitor: UserId) -> Result<SessionKey, Degraded> {
    Ok(SessionKey { user: visitor, id: SessionId::new("page")? })
}

fn is_on(known: &Session, page: &Topic) -> bool {
    known.placement.topics.names().eq([page])
}

/// Whether the visitor has the page open according to the known state: not unloaded, and the lease
/// is running.
fn is_open(presence: &Presence, known: &Session) -> bool {
    known.placement.left.is_none() && presence.now().since(known.seen_at) < known.placement.lease
}

/// The meta that marks a reload. A reload sends an unload and a load, which may arrive in either
/// order and at different processes. If the load arrives first, the visitor is already on that
/// page; the session is then marked, and an unload within the grace is ignored, because it belongs
/// to the page before the reload. The mark is part of the session, so all processes see it, and the
/// next placement replaces it.
const RELOADED: &str = "reloaded";

fn is_marked(known: &Session) -> bool {
    known.placement.meta.as_ref().is_some_and(|meta| meta.value()[RELOADED] == true)
}

fn awaits_unload(presence: &Presence, known: &Session) -> bool {
    is_marked(known) && presence.now().since(known.placement.placed_at) < presence.policy().grace
}
