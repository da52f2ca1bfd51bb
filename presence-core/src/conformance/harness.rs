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
/// Every case gets a harness of its own, and with it a part of the backend that nobody else uses.
/// Cases never read a clock and never sleep but through [`advance`](Self::advance).
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
    /// A name is up to 20 bytes of `a-z`, `0-9` and `-`, or empty. The same name is the same
    /// namespace, another name another one: prefix it with something of your own.
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

    /// The store of that namespace answers and refuses whatever writes, as one that is full; or
    /// takes writes again.
    ///
    /// # Errors
    /// [`Cannot`] says why it cannot be brought to that here. Default: that it is tested elsewhere,
    /// if at all.
    async fn refuse_writes(&self, _namespace: &str, _refuses: bool) -> Result<(), Cannot> {
        Err(Cannot("this harness cannot make its store refuse writes"))
    }

    /// The clock of the server that keeps that namespace steps by this many milliseconds, back if
    /// negative.
    ///
    /// # Errors
    /// As for [`refuse_writes`](Self::refuse_writes).
    async fn step_clock(&self, _namespace: &str, _millis: i64) -> Result<(), Cannot> {
        Err(Cannot("this harness cannot set its server's clock"))
    }

    /// From now on nothing that is written in that namespace reaches what a failover falls back to.
    ///
    /// # Errors
    /// As for [`refuse_writes`](Self::refuse_writes).
    async fn stop_replication(&self, _namespace: &str) -> Result<(), Cannot> {
        Err(Cannot("this harness has no replica that could lack anything"))
    }

    /// What [`stop_replication`](Self::stop_replication) left behind takes over; the last writes
    /// are lost.
    ///
    /// # Errors
    /// As for [`refuse_writes`](Self::refuse_writes).
    async fn fail_over(&self, _namespace: &str) -> Result<(), Cannot> {
        Err(Cannot("this harness has no replica that could take over"))
    }

    /// Lets time pass for the stores of this harness. Default: it really passes.
    ///
    /// A store on a [`ManualClock`](crate::ManualClock) turns it instead, and its suite takes no
    /// time at all.
    async fn advance(&self, by: Duration) {
        tokio::time::sleep(by).await;
    }

    /// How long a case waits for what must come, in the time that [`advance`](Self::advance) lets
    /// pass. Default 30 s.
    fn patience(&self) -> Duration {
        Duration::from_secs(30)
    }

    /// How many random histories are played. Default 64; each takes as long as three proofs of
    /// time.
    fn histories(&self) -> u64 {
        64
    }
}
