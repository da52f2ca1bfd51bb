//! The harness: what a broker provides to be tested.

use crate::broker::{Broker, Retention};
use crate::conformance::Cannot;
use async_trait::async_trait;
use std::sync::Arc;
use std::time::Duration;

/// A broker under test: opens its handles, and injects faults.
///
/// Every case gets its own harness, with namespaces that no other test uses.
#[async_trait]
pub trait BrokerHarness: Send + Sync + 'static {
    /// A new harness with its own empty namespaces.
    ///
    /// A missing server must fail the test: panic with a message that says how to get it.
    async fn fresh() -> Self
    where
        Self: Sized;

    /// A new handle on the namespace of that name, as another process would open it.
    ///
    /// A name is `a` or `b`. All handles of one namespace are opened with the same retention.
    async fn open(&self, namespace: &str, retention: Retention) -> Arc<dyn Broker>;

    /// A handle that cannot reach its server, as with a wrong address.
    ///
    /// # Errors
    /// [`Cannot`], the default, if the broker has no server that could be unreachable: E1 is then
    /// tested in part.
    async fn open_broken(&self) -> Result<Arc<dyn Broker>, Cannot> {
        Err(Cannot("nothing can be out of reach"))
    }

    /// Loses all data, as a restart without a disk would.
    ///
    /// # Errors
    /// [`Cannot`], the default, if the broker cannot lose data: a part of B2 and B7 is
    /// then not tested.
    async fn lose_data(&self) -> Result<(), Cannot> {
        Err(Cannot("data is lost only with the broker"))
    }

    /// Interrupts the connections between all handles and the server, for a moment or until
    /// [`restore`](Self::restore).
    ///
    /// # Errors
    /// [`Cannot`], the default, if there is no connection: B8 is then not tested.
    async fn interrupt(&self) -> Result<(), Cannot> {
        Err(Cannot("there is no connection"))
    }

    /// Ends the interruption of [`interrupt`](Self::interrupt). Default: it has ended by itself.
    async fn restore(&self) {}

    /// Lets time pass for the retention of this harness. Default: sleeps.
    async fn advance(&self, by: Duration) {
        tokio::time::sleep(by).await;
    }

    /// The shortest age of a history that this broker observes exactly enough for a test.
    /// Default 1 s.
    fn shortest_age(&self) -> Duration {
        Duration::from_secs(1)
    }

    /// How long a case waits for an expected delivery, in real time. Default 30 s.
    fn patience(&self) -> Duration {
        Duration::from_secs(30)
    }
}
