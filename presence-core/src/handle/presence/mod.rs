//! `Presence`, the handle for hosts. Its methods are grouped into files by purpose.

mod beats;
mod disconnect;
mod ending;
mod queries;
mod watches;

use super::shared::Shared;
use super::{Builder, tasks};
use crate::liveness::Policy;
use crate::model::NodeId;
use crate::store::PresenceStore;
use crate::time::{Clock, Timestamp};
pub use beats::BeatOutcome;
use std::sync::Arc;
use tokio::task::JoinHandle;

/// The presence of users: who is active, idle or gone, and where.
///
/// Cheap to clone. Queries are answered from this process's own replica, without network access.
/// Dropping the last clone ends the background tasks; call [`shutdown`](Self::shutdown) first to
/// write pending changes.
#[derive(Clone)]
pub struct Presence {
    pub(super) shared: Arc<Shared>,
    pub(super) tasks: Arc<Tasks>,
}

/// The background tasks, which end with the last handle.
pub(super) struct Tasks(Vec<JoinHandle<()>>);

impl Tasks {
    pub(super) fn abort(&self) {
        self.0.iter().for_each(JoinHandle::abort);
    }
}

impl Drop for Tasks {
    fn drop(&mut self) {
        self.abort();
    }
}

impl Presence {
    /// The settings of a new `Presence` on `store`.
    ///
    /// ```
    /// # use presence_core::testing::conformance::ReferenceStore as MemoryStore;
    /// use presence_core::{Policy, Presence, SystemClock};
    /// use std::time::Duration;
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let presence = Presence::builder(MemoryStore::new(SystemClock))
    ///     .policy(Policy::default().grace(Duration::from_secs(2)))
    ///     .start()?;
    /// # drop(presence);
    /// # Ok(()) }
    /// ```
    pub fn builder(store: impl PresenceStore) -> Builder {
        Builder::new(Arc::new(store))
    }

    pub(super) fn start(shared: Arc<Shared>) -> Self {
        let tasks = Arc::new(Tasks(tasks::start(&shared)));
        Self { shared, tasks }
    }

    /// Returns once the roster has received everything in the store. Cancel-safe; waits as long as
    /// the store is unreachable.
    ///
    /// ```
    /// # async fn example(presence: presence_core::Presence) -> Result<(), Box<dyn std::error::Error>> {
    /// // Until now a list may lack users who are known to other processes.
    /// presence.ready().await;
    /// println!("{} online", presence.everyone().counts().online);
    /// # Ok(()) }
    /// ```
    pub async fn ready(&self) {
        // The sender is in `shared`, which this handle keeps alive.
        let _ = self.shared.is_ready.subscribe().wait_for(|ready| *ready).await;
    }

    /// The time that is written into records: the store's time, as far as it is known.
    ///
    /// ```
    /// # async fn example(presence: presence_core::Presence) -> Result<(), Box<dyn std::error::Error>> {
    /// let person = presence.user(&"alice".parse()?);
    /// if let Some(last_seen) = person.and_then(|person| person.last_seen) {
    ///     println!("seen {:?} ago", presence.now().since(last_seen));
    /// }
    /// # Ok(()) }
    /// ```
    pub fn now(&self) -> Timestamp {
        self.shared.roster.stamp(self.shared.now())
    }

    /// The process's clock, for code of the host that must use the same time.
    ///
    /// ```
    /// # async fn example(presence: presence_core::Presence) -> Result<(), Box<dyn std::error::Error>> {
    /// use std::time::Duration;
    /// let clock = presence.clock();
    /// clock.sleep_until(clock.now() + Duration::from_secs(5)).await;
    /// # Ok(()) }
    /// ```
    pub fn clock(&self) -> &Arc<dyn Clock> {
        &self.shared.clock
    }

    /// The policy, which decides when sessions are idle or gone.
    ///
    /// ```
    /// # async fn example(presence: presence_core::Presence) -> Result<(), Box<dyn std::error::Error>> {
    /// let beat_every = presence.policy().lease_for * 2 / 5;
    /// # let _ = beat_every;
    /// # Ok(()) }
    /// ```
    pub fn policy(&self) -> &Policy {
        self.shared.roster.policy()
    }

    /// The id of this process among all that share the store.
    ///
    /// ```
    /// # async fn example(presence: presence_core::Presence) -> Result<(), Box<dyn std::error::Error>> {
    /// tracing::info!(node = %presence.node(), "started");
    /// # Ok(()) }
    /// ```
    pub fn node(&self) -> &NodeId {
        self.shared.roster.node()
    }
}

impl std::fmt::Debug for Presence {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Presence").field("node", self.shared.roster.node()).finish_non_exhaustive()
    }
}
