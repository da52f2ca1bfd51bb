//! A node: the service on a store, and at a center the task that cleans up the store.

use crate::lookaside::{Bounds, Changes, Lookaside};
use crate::status::LASTS;
use crate::{Settings, Statuses, StoreSettings};
use async_nats::ConnectOptions;
use presence_core::{Clock, DeclaredOnly, NodeId, Policy, Presence, PresenceStore, store};
use presence_memory::MemoryStore;
use presence_nats::{Namespace, NatsStore, Options};
use std::sync::Arc;
use std::time::Duration;

/// Limits for the number of sessions and for their memory in bytes. The memory limit applies once
/// to the roster and once to the store.
const MAX_SESSIONS: usize = 1_000_000;
const MAX_BYTES: usize = 512 * 1024 * 1024;

/// Opens the store of these settings, for the node of this name, which the servers' lists of
/// connections show. NATS is connected in the background, so a node starts and recovers with its
/// store down.
///
/// # Errors
/// A message about the settings of NATS.
///
/// # Panics
/// Outside a tokio runtime.
pub fn store(settings: &StoreSettings, node: &NodeId) -> store::Result<Arc<dyn PresenceStore>> {
    Ok(match settings {
        StoreSettings::Memory => Arc::new(MemoryStore::new().max_bytes(MAX_BYTES)),
        StoreSettings::Nats { urls, domain, bucket, .. } => {
            let options = Options::new(Namespace::new(bucket)?).domain(domain.clone());
            let connect = ConnectOptions::new().name(node.as_str());
            Arc::new(NatsStore::connect(&urls.join(","), connect, options)?)
        }
    })
}

/// The windows by which a center judges that a status has lapsed: it lasts until the time in its
/// declaration, without a grace.
pub fn policy() -> Policy {
    Policy::default().lease_for(LASTS).grace(Duration::ZERO).declared_only(DeclaredOnly::Alive)
}

/// Starts a leaf: it reads and writes statuses.
///
/// # Panics
/// Outside a tokio runtime.
pub fn leaf(store: &Arc<dyn PresenceStore>, clock: impl Clock, settings: &Settings) -> Statuses {
    statuses(store, Changes::of(Arc::clone(store)), clock, settings)
}

/// Starts a center: a leaf and its [`keeper`]. Both follow one watch of the store.
///
/// # Panics
/// Outside a tokio runtime.
pub fn center(
    store: &Arc<dyn PresenceStore>,
    clock: impl Clock + Clone,
    settings: &Settings,
) -> (Statuses, Presence) {
    let (watched, changes) = Changes::shared(Arc::clone(store));
    let presence = keeper(watched, clock.clone(), settings);
    (statuses(store, changes, clock, settings), presence)
}

fn statuses(
    store: &Arc<dyn PresenceStore>,
    changes: Changes,
    clock: impl Clock,
    settings: &Settings,
) -> Statuses {
    let bounds = Bounds { bytes: settings.cache_max_cost, counters: settings.cache_num_counters };
    let lookaside = Lookaside::start(Arc::clone(store), changes, Arc::new(clock), bounds);
    Statuses::new(Arc::clone(store), lookaside, settings.node_id.clone())
}

/// Starts the additional task of a center: it holds all users, and so it forgets lapsed sessions
/// and counts users.
///
/// # Panics
/// Outside a tokio runtime, and when [`policy`] is wrong.
#[expect(clippy::expect_used, reason = "the policy is a constant, and valid")]
pub fn keeper(store: Arc<dyn PresenceStore>, clock: impl Clock, settings: &Settings) -> Presence {
    let label = settings.node_id.as_str();
    let builder = Presence::builder(store).policy(policy()).clock(clock).label(label);
    let presence = builder.max_sessions(MAX_SESSIONS).max_bytes(MAX_BYTES).start();
    presence.expect("the policy is valid")
}
