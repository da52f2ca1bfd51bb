//! A node: the service on a store, and at a center what cleans up in that.

use crate::lookaside::{Bounds, Lookaside};
use crate::status::LASTS;
use crate::{Settings, Statuses, StoreSettings};
use presence_core::{Clock, Policy, Presence, PresenceStore, SystemClock};
use presence_memory::MemoryStore;
use std::sync::Arc;
use std::time::Duration;

/// Two handles of one store, each a process of its own to the other.
pub struct Stores {
    /// The service's.
    pub service: Arc<dyn PresenceStore>,
    /// That of whoever cleans up.
    pub keeper: Arc<dyn PresenceStore>,
}

impl Stores {
    /// Both on memory, with this clock.
    pub fn memory(clock: impl Clock) -> Self {
        let store = MemoryStore::with_clock(clock);
        Self { service: Arc::new(store.clone()), keeper: Arc::new(store) }
    }

    /// Both where the settings say. Connects in the background: a node starts with its store down, and recovers.
    ///
    /// # Errors
    /// What is wrong with the settings.
    pub fn open(settings: &StoreSettings) -> Result<Self, Box<dyn std::error::Error + Send + Sync>> {
        match settings {
            StoreSettings::Memory => {
                tracing::warn!("no NATS_URL is set: statuses are kept in memory, and end with this process");
                Ok(Self::memory(SystemClock))
            }
            StoreSettings::Nats { .. } => Err("NATS is not there yet".into()),
        }
    }
}

/// The windows by which a center takes a status for lapsed: it lives by its declaration, and leaves at once.
pub fn policy() -> Policy {
    Policy { lease_for: LASTS, grace: Duration::ZERO, declared_counts: true, ..Policy::default() }
}

/// Starts to read and write statuses.
///
/// # Panics
/// Outside a tokio runtime.
pub fn statuses(store: &Arc<dyn PresenceStore>, clock: impl Clock, settings: &Settings) -> Statuses {
    let bounds = Bounds { bytes: settings.cache_max_cost, counters: settings.cache_num_counters };
    let lookaside = Lookaside::start(Arc::clone(store), Arc::new(clock), bounds);
    Statuses::new(Arc::clone(store), lookaside, settings.node_id.clone())
}

/// Starts what a center does besides: it holds everybody, so it is the one to forget who has lapsed, and to count.
///
/// # Panics
/// Outside a tokio runtime, and when [`policy`] is wrong.
#[expect(clippy::expect_used, reason = "the policy is a constant, and valid")]
pub fn keeper(store: Arc<dyn PresenceStore>, clock: impl Clock, settings: &Settings) -> Presence {
    let label = settings.node_id.as_str();
    let presence = Presence::builder(store).policy(policy()).clock(clock).label(label).start();
    presence.expect("the policy is valid")
}
