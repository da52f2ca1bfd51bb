//! What a broker does to be tested.

use crate::broker::{Broker, Retention};
use crate::conformance::Cannot;
use async_trait::async_trait;
use std::sync::Arc;
use std::time::Duration;

/// A broker under test: where its handles come from, and what can be done to its server.
///
/// Every case gets a harness of its own, and with it namespaces that nobody else uses.
#[async_trait]
pub trait BrokerHarness: Send + Sync + 'static {
    /// A new harness, whose namespaces are empty and its own.
    ///
    /// A server that is missing is a failed test: panic, and say how to get it.
    async fn fresh() -> Self
    where
        Self: Sized;

    /// A new handle, as another process would open it, on this harness's namespace of that name.
    ///
    /// A name is one of `a` and `b`. All handles of one namespace are opened with the same
    /// retention.
    async fn open(&self, namespace: &str, retention: Retention) -> Arc<dyn Broker>;

    /// A handle that cannot reach its server, as after a wrong address.
    ///
    /// # Errors
    /// [`Cannot`], the default, where nothing can be out of reach: E1 is then tested in part.
    async fn open_broken(&self) -> Result<Arc<dyn Broker>, Cannot> {
        Err(Cannot("nothing can be out of reach"))
    }

    /// Loses everything that is stored, as a restart without a disk would.
    ///
    /// # Errors
    /// [`Cannot`], the default, where data lives as long as its broker: a part of B2 and B7 is then
    /// untested.
    async fn lose_data(&self) -> Result<(), Cannot> {
        Err(Cannot("data lives as long as its broker"))
    }

    /// Interrupts the connections between all handles and the server: for a moment, or until
    /// [`heal`](Self::heal).
    ///
    /// # Errors
    /// [`Cannot`], the default, where there is no connection: B8 is then untested.
    async fn interrupt(&self) -> Result<(), Cannot> {
        Err(Cannot("there is no connection"))
    }

    /// Ends what [`interrupt`](Self::interrupt) began. Default: it has ended by itself.
    async fn heal(&self) {}

    /// Lets time pass for the retention of this harness. Default: it really passes.
    async fn advance(&self, by: Duration) {
        tokio::time::sleep(by).await;
    }

    /// The shortest age of a history that this broker keeps exactly enough to be tested. Default 1
    /// s.
    fn shortest_age(&self) -> Duration {
        Duration::from_secs(1)
    }

    /// How long a case waits for what must come, in real time. Default 30 s.
    fn patience(&self) -> Duration {
        Duration::from_secs(30)
    }
}
