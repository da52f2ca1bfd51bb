//! What a backend does to be tested.

use crate::store::PresenceStore;
use async_trait::async_trait;
use std::sync::Arc;
use std::time::Duration;

/// Why something is not tested: one sentence, printed by the case that would have tested it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Cannot(pub &'static str);

/// A backend under test: where its stores come from, and what can be done to them.
///
/// Every case gets a harness of its own, and with it a part of the backend that nobody else uses. Cases never read a
/// clock and never sleep but through [`advance`](Self::advance).
#[async_trait]
pub trait Harness: Send + Sync + 'static {
    /// A new harness, whose namespaces are empty and its own.
    ///
    /// A server that is missing is a failed test: panic, and say how to get it.
    async fn fresh() -> Self
    where
        Self: Sized;

    /// A new handle, as another process would open it, on this harness's namespace of that name.
    ///
    /// A name is up to 20 bytes of `a-z`, `0-9` and `-`, or empty. The same name is the same namespace, another name
    /// another one: prefix it with something of your own.
    async fn open(&self, namespace: &str) -> Arc<dyn PresenceStore>;

    /// A store that cannot reach what keeps it, as after a wrong address.
    ///
    /// # Errors
    /// [`Cannot`] says why this backend has no such thing: E1 is then untested.
    async fn open_broken(&self) -> Result<Arc<dyn PresenceStore>, Cannot>;

    /// Loses everything in the namespace of that name, as a restart without a disk would.
    ///
    /// # Errors
    /// [`Cannot`] says why this backend cannot lose data without its process: W4 is then untested.
    async fn lose_all(&self, namespace: &str) -> Result<(), Cannot>;

    /// Lets time pass for the stores of this harness. Default: it really passes.
    ///
    /// A store on a [`ManualClock`](crate::ManualClock) turns it instead, and its suite takes no time at all.
    async fn advance(&self, by: Duration) {
        tokio::time::sleep(by).await;
    }

    /// How long a case waits for what must come, in the time that [`advance`](Self::advance) lets pass. Default 30 s.
    fn patience(&self) -> Duration {
        Duration::from_secs(30)
    }

    /// How many random histories are played. Default 64; each takes as long as three proofs of time.
    fn histories(&self) -> u64 {
        64
    }
}
