//! One test per clause of the broker's contract, on every kind of server.

use crate::rig::{self, CLUSTER, LEAF, NATS, OLD};
use async_trait::async_trait;
use presence_core::broker::{Broker, Channel, Publish, Retention};
use presence_core::testing::conformance::Cannot;
use presence_core::testing::conformance::broker::BrokerHarness;
use presence_nats::async_nats::ConnectOptions;
use presence_nats::{BrokerOptions, NatsBroker, Storage};
use std::collections::BTreeSet;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use test_servers::Proxy;

/// Waits until a publish is acknowledged, for at most 10 s. In a cluster, the leader of a new
/// stream may leave the first requests unanswered, so that a publish ends in a timeout. The
/// contract allows that, but the cases do not expect it.
async fn has_leader(broker: &NatsBroker) {
    let warm = Publish::new(Channel::new("warming up").unwrap(), "").key("warm");
    let taken = async {
        loop {
            let published = tokio::time::timeout(Duration::from_secs(2), broker.publish(warm.clone())).await;
            if matches!(published, Ok(Ok(_))) {
                return;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    let _ = tokio::time::timeout(Duration::from_secs(10), taken).await;
}

/// Implements the harness for one kind of server and of storage; the streams can be
/// deleted at `$server`.
macro_rules! harness {
    ($module:ident, $kind:ident, options: $options:expr, urls: $urls:expr, server: $server:expr, age: $age:expr) => {
        mod $module {
            use super::*;

            struct $kind {
                prefix: String,
                proxy: Proxy,
                opened: Mutex<BTreeSet<String>>,
            }

            #[async_trait]
            impl BrokerHarness for $kind {
                async fn fresh() -> Self {
                    let port: String =
                        $urls.split(',').next().unwrap().rsplit(':').next().unwrap().to_owned();
                    let proxy = Proxy::to(port.parse().unwrap());
                    Self { prefix: rig::unique(), proxy, opened: Mutex::default() }
                }

                async fn open(&self, namespace: &str, retention: Retention) -> Arc<dyn Broker> {
                    let name = format!("{}-{namespace}", self.prefix);
                    self.opened.lock().unwrap().insert(name.clone());
                    let mut options: BrokerOptions = rig::events(&name);
                    let change: fn(&mut BrokerOptions) = $options;
                    change(&mut options);
                    // The timeout is long, since these tests do not measure speed.
                    let options = options.retention(retention).call_timeout(Duration::from_secs(10));
                    let url = format!("nats://127.0.0.1:{}", self.proxy.port());
                    let broker = NatsBroker::connect(&url, ConnectOptions::new(), options).unwrap();
                    if stringify!($module) == "cluster" {
                        has_leader(&broker).await;
                    }
                    Arc::new(broker)
                }

                async fn open_broken(&self) -> Result<Arc<dyn Broker>, Cannot> {
                    let options = rig::events("broken");
                    // No server listens on port 1.
                    let broken = NatsBroker::connect("nats://127.0.0.1:1", ConnectOptions::new(), options);
                    Ok(Arc::new(broken.unwrap()))
                }

                async fn lose_data(&self) -> Result<(), Cannot> {
                    self.opened.lock().unwrap().iter().for_each(|name| rig::lose_events($server, name));
                    Ok(())
                }

                async fn interrupt(&self) -> Result<(), Cannot> {
                    self.proxy.cut();
                    Ok(())
                }

                async fn restore(&self) {
                    self.proxy.pass();
                }

                fn shortest_age(&self) -> Duration {
                    $age
                }

                async fn advance(&self, by: Duration) {
                    tokio::time::sleep(by).await;
                }
            }

            impl Drop for $kind {
                fn drop(&mut self) {
                    if !std::thread::panicking() {
                        self.opened.lock().unwrap().iter().for_each(|name| rig::lose_events($server, name));
                    }
                }
            }

            presence_core::broker_conformance_tests!($kind);
        }
    };
}

const SHORT: Duration = Duration::from_secs(1);

harness!(memory, InMemory, options: |o| o.storage = Storage::Memory, urls: NATS.url(), server: &NATS, age: SHORT);
harness!(file, InFiles, options: |_| {}, urls: NATS.url(), server: &NATS, age: SHORT);
harness!(old, Old, options: |_| {}, urls: OLD.url(), server: &OLD, age: SHORT);
harness!(cluster, Replicated, options: |o| o.replicas = 3, urls: CLUSTER.urls().join(","), server: &CLUSTER.nodes()[0], age: SHORT);
harness!(leaf, AtTheEdge, options: |o| o.domain = Some("center".to_owned()), urls: LEAF.leaf().url(), server: LEAF.hub(), age: SHORT);
