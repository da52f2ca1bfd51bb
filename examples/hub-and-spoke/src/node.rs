//! A node: the service on a store, and at a center what cleans up in that.

use crate::lookaside::{Bounds, Lookaside};
use crate::status::LASTS;
use crate::{Settings, Statuses, StoreSettings};
use async_nats::ConnectOptions;
use presence_core::{Clock, NodeId, Policy, Presence, PresenceStore, store};
use presence_memory::MemoryStore;
use presence_nats::{Namespace, NatsStore, Options};
use std::sync::Arc;
use std::time::Duration;

/// How many sessions may be here, and how many bytes of memory they may take: so much in the
/// roster, and as much in the store.
const MAX_SESSIONS: usize = 1_000_000;
const MAX_BYTES: usize = 512 * 1024 * 1024;

/// A store, as the parts of a node use it: each part has a handle of its own, as another process
/// would.
pub enum Stores {
    /// In this process.
    Memory(MemoryStore),
    /// In NATS KV.
    Nats {
        /// The servers, with commas between.
        urls: String,
        /// What servers call this node in their lists of connections.
        name: String,
        /// The rest; by far the largest part.
        options: Box<Options>,
    },
}

impl Stores {
    /// Where the settings say, for the node of this name.
    ///
    /// # Errors
    /// What is wrong with the name of the bucket.
    pub fn of(settings: &StoreSettings, node: &NodeId) -> store::Result<Self> {
        match settings {
            StoreSettings::Memory => Ok(Self::Memory(MemoryStore::new().max_bytes(MAX_BYTES))),
            StoreSettings::Nats { urls, domain, bucket, .. } => {
                let mut options = Options::new(Namespace::new(bucket)?);
                options.domain.clone_from(domain);
                Ok(Self::Nats { urls: urls.join(","), name: node.to_string(), options: options.into() })
            }
        }
    }

    /// A handle. NATS is connected to in the background: a node starts with its store down, and
    /// recovers.
    ///
    /// # Errors
    /// What is wrong with the settings of NATS.
    ///
    /// # Panics
    /// Outside a tokio runtime.
    pub fn open(&self) -> store::Result<Arc<dyn PresenceStore>> {
        Ok(match self {
            Self::Memory(store) => Arc::new(store.clone()),
            Self::Nats { urls, name, options } => {
                let connect = ConnectOptions::new().name(name);
                Arc::new(NatsStore::connect(urls, connect, Options::clone(options))?)
            }
        })
    }
}

/// The windows by which a center takes a status for lapsed: it lives by its declaration, and leaves
/// at once.
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

/// Starts what a center does besides: it holds everybody, so it is the one to forget who has
/// lapsed, and to count.
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
