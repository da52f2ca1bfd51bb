//! A visitor is on one page: the last one they hit.

use crate::Probe;
use crate::degraded::Degraded;
use presence_axum::hit;
use presence_core::{
    Beat, BeatOutcome, Leave, Meta, Presence, Session, SessionId, SessionKey, Topic, Topics, UserId,
};
use serde_json::json;
use std::time::Duration;

/// What a hit says.
#[derive(Debug)]
pub(crate) enum Visit {
    /// The page has loaded.
    Load { visitor: UserId, page: Topic },
    /// The page is still open.
    Beat { visitor: UserId, page: Topic },
    /// The page goes away.
    Unload { visitor: UserId, page: Topic },
}

/// Within how long every hit is answered, whatever the store does.
const PATIENCE: Duration = Duration::from_millis(1_900);

/// Within how long a process knows, all being well, what another one was told.
const TOLD_WITHIN: Duration = Duration::from_millis(250);

/// Takes a visit.
///
/// # Errors
/// [`Degraded`] while the store does not have it, after at most 1.9 s.
pub(crate) async fn take(presence: &Presence, probe: &Probe, visit: Visit) -> Result<(), Degraded> {
    let taken = async {
        let told = match visit {
            Visit::Load { visitor, page } => beat(presence, visitor, page, true).await,
            Visit::Beat { visitor, page } => beat(presence, visitor, page, false).await,
            Visit::Unload { visitor, page } => leave(presence, probe, visitor, page).await,
        };
        // Of some hits the store need not be told; "stored" is then only true if it is there.
        let is_stored = told.inspect_err(|_| probe.doubt())?;
        if is_stored { Ok(()) } else { probe.answers().await.map_err(Degraded::from) }
    };
    // Whoever waits no longer undoes nothing: the store is told in the background.
    tokio::time::timeout(PATIENCE, taken).await.unwrap_or(Err(Degraded::Timeout))
}

/// Answers whether the store has been told.
async fn beat(presence: &Presence, visitor: UserId, page: Topic, loads: bool) -> Result<bool, Degraded> {
    let key = key(visitor)?;
    let known = presence.session(&key);
    let was_here = known.as_ref().is_some_and(|known| is_on(known, &page));
    let reloads = loads && was_here && known.as_ref().is_some_and(|known| is_open(presence, known));
    // A beat of the page that was left a moment ago is late and counts no more; one of another page
    // does.
    let enters = loads || !was_here;
    let meta = match known.as_ref() {
        _ if reloads => Some(Meta::new(json!({ RELOADED: true }))?),
        Some(known) if is_marked(known) && (enters || known.placement.left.is_some()) => {
            Some(Meta::new(json!({}))?)
        }
        _ => None,
    };
    let topics = Some(Topics::new([page])?);
    let beat = Beat { enters, topics, meta, ..Beat::renew(key.user, key.id) };
    let beaten = presence.beat(beat).await;
    hit::count(&beaten);
    Ok(matches!(beaten?, BeatOutcome::Stored { .. }))
}

/// An unload of a page on which the visitor is not (any more) changes nothing: it names what is
/// left.
async fn leave(presence: &Presence, probe: &Probe, visitor: UserId, page: Topic) -> Result<bool, Degraded> {
    let key = key(visitor)?;
    let mut known = presence.session(&key);
    if probe.is_shared() && !known.as_ref().is_some_and(|known| is_on(known, &page)) {
        // The load may have come to another process a moment ago.
        tokio::time::sleep(TOLD_WITHIN).await;
        known = presence.session(&key);
    }
    if known.is_some_and(|known| awaits_unload(presence, &known)) {
        return Ok(false);
    }
    let left = presence.leave(Leave::new(key.user, key.id).topics(vec![page])).await;
    hit::count_leave(&left);
    left?;
    // It does not tell whether there was anything to leave.
    Ok(false)
}

/// All tabs of a visitor are one session.
fn key(visitor: UserId) -> Result<SessionKey, Degraded> {
    Ok(SessionKey { user: visitor, id: SessionId::new("page")? })
}

fn is_on(known: &Session, page: &Topic) -> bool {
    known.placement.topics.names().eq([page])
}

/// Whether the visitor, as far as is known, has the page open: it was not unloaded, and its lease
/// runs.
fn is_open(presence: &Presence, known: &Session) -> bool {
    known.placement.left.is_none() && presence.now().since(known.seen_at) < known.placement.lease
}

/// A reload sends an unload and a load, which may come in either order, and to two processes. The
/// load that comes first finds its visitor on the very page: it is marked, and the unload that
/// follows within the grace belongs to the page as it was before. The mark is part of the session,
/// so that every process sees it; the next placement has its own.
const RELOADED: &str = "reloaded";

fn is_marked(known: &Session) -> bool {
    known.placement.meta.as_ref().is_some_and(|meta| meta.value()[RELOADED] == true)
}

fn awaits_unload(presence: &Presence, known: &Session) -> bool {
    is_marked(known) && presence.now().since(known.placement.placed_at) < presence.policy().grace
}
