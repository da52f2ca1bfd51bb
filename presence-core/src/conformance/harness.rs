//! The harness: what a backend provides to be tested.

use crate::store::PresenceStore;
use async_trait::async_trait;
use std::sync::Arc;
use std::time::Duration;

/// Why a harness cannot provide something: one sentence, printed by the case that needs it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Cannot(pub &'static str);

/// A backend under test: creates its stores, and injects faults.
///
/// Every case gets its own harness, with data that no other test uses. Cases never read a clock,
/// and sleep only through [`advance`](Self::advance).
#[async_trait]
pub trait Harness: Send + Sync + 'static {
    /// A new harness with its own empty namespaces.
    ///
    /// A missing server must fail the test: panic with a message that says how to get it.
    async fn fresh() -> Self
    where
        Self: Sized;

    /// A new handle on the namespace of that name, as another process would open it.
    ///
    /// A name is up to 20 bytes of `a-z`, `0-9` and `-`, or empty. Different names are different
    /// namespaces; add a prefix that is unique to this harness.
    async fn open(&self, namespace: &str) -> Arc<dyn PresenceStore>;

    /// A store that cannot reach its server, as with a wrong address.
    ///
    /// # Errors
    /// [`Cannot`] says why this backend has no such store: E1 is then not tested.
    async fn open_broken(&self) -> Result<Arc<dyn PresenceStore>, Cannot>;

    /// Loses all data of the namespace, as a restart without a disk would.
    ///
    /// # Errors
    /// [`Cannot`] says why this backend cannot lose data without its process: W4 is
    /// then not tested.
    async fn lose_all(&self, namespace: &str) -> Result<(), Cannot>;

    /// Makes the store of the namespace answer but refuse all writes, as when it is full.
    ///
    /// # Errors
    /// [`Cannot`] says why this is not possible. Default: not possible.
    async fn refuse_writes(&self, _namespace: &str) -> Result<(), Cannot> {
        Err(Cannot("this harness cannot make its store refuse writes"))
    }

    /// Ends [`refuse_writes`](Self::refuse_writes): the store accepts writes again. Required of a
    /// harness that can make it refuse them.
    async fn accept_writes(&self, _namespace: &str) {}

    /// Steps the clock of the namespace's server by this many milliseconds, back if negative.
    ///
    /// # Errors
    /// As for [`refuse_writes`](Self::refuse_writes).
    async fn step_clock(&self, _namespace: &str, _millis: i64) -> Result<(), Cannot> {
        Err(Cannot("this harness cannot set its server's clock"))
    }

    /// Stops replicating writes of the namespace to the replica that a failover falls back to.
    ///
    /// # Errors
    /// As for [`refuse_writes`](Self::refuse_writes).
    async fn stop_replication(&self, _namespace: &str) -> Result<(), Cannot> {
        Err(Cannot("this harness has no replica that could lack anything"))
    }

    /// Fails over to the replica of [`stop_replication`](Self::stop_replication); the writes since
    /// then are lost.
    ///
    /// # Errors
    /// As for [`refuse_writes`](Self::refuse_writes).
    async fn fail_over(&self, _namespace: &str) -> Result<(), Cannot> {
        Err(Cannot("this harness has no replica that could take over"))
    }

    /// Lets time pass for the stores of this harness. Default: sleeps.
    ///
    /// A store on a [`ManualClock`](crate::testing::ManualClock) advances that clock instead, so
    /// that its suite takes almost no time.
    async fn advance(&self, by: Duration) {
        tokio::time::sleep(by).await;
    }

    /// How long a case waits for an expected event, in the time of [`advance`](Self::advance).
    /// Default 30 s.
    fn patience(&self) -> Duration {
        Duration::from_secs(30)
    }

    /// Number of random histories. Default 64; each takes as long as three proofs of time.
    fn histories(&self) -> u64 {
        64
    }
}
