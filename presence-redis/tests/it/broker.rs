//! Tests of the Redis broker: one per clause of the broker's contract on every kind of server, and
//! those of what this crate documents beyond the contract.

mod data;
mod drills;
mod foreign;
mod idle;

use crate::rig::{self, CLUSTER, REDIS, SENTINEL, VALKEY};
use async_trait::async_trait;
use presence_core::broker::{Broker, Channel, Delivery, Event, Publish, Retention};
use presence_core::testing::conformance::Cannot;
use presence_core::testing::conformance::broker::BrokerHarness;
use presence_redis::{BrokerOptions, Namespace, RedisBroker, Sentinels};
use std::sync::Arc;
use std::time::Duration;
use test_servers::Proxy;
use test_servers::redis::Redis;

fn options(name: &str) -> BrokerOptions {
    BrokerOptions::new(Namespace::new(name).unwrap())
}

fn on(server: &Redis, options: BrokerOptions) -> RedisBroker {
    RedisBroker::connect(&server.url(), options).unwrap()
}

fn channel(name: &str) -> Channel {
    Channel::new(name).unwrap()
}

fn message(name: &str, payload: impl Into<String>) -> Publish {
    Publish::new(channel(name), payload.into())
}

fn text(event: &Event) -> String {
    String::from_utf8_lossy(&event.payload).into_owned()
}

/// The payload of a delivered event, or the debug text of any other delivery.
fn describe(delivery: Delivery) -> String {
    match delivery {
        Delivery::Event(event) => text(&event),
        other => format!("{other:?}"),
    }
}

/// Deletes every key of a namespace, like a restart of a server without persistence.
fn lose(server: &Redis, name: &str) {
    let pattern = format!("presence:*{{{name}*");
    let script =
        "for _, key in ipairs(redis.call('KEYS', ARGV[1])) do redis.call('DEL', key) end return 'OK'";
    let answer = server.command(&["EVAL", script, "0", &pattern]);
    assert!(answer == "OK", "{answer}");
}

/// The tests of one kind of server: the proxy in front of it, if any, how a broker is opened, and
/// the servers that hold the data.
macro_rules! harness {
    ($module:ident, $kind:ident, proxy: $proxy:expr, open: $open:expr, servers: $servers:expr) => {
        mod $module {
            use super::*;

            struct $kind(String, Option<Proxy>);

            #[async_trait]
            impl BrokerHarness for $kind {
                async fn fresh() -> Self {
                    Self(rig::unique(), $proxy)
                }

                async fn open(&self, namespace: &str, retention: Retention) -> Arc<dyn Broker> {
                    let options = options(&format!("{}-{namespace}", self.0)).retention(retention);
                    Arc::new(($open)(self.1.as_ref().map_or(0, Proxy::port), options))
                }

                async fn open_broken(&self) -> Result<Arc<dyn Broker>, Cannot> {
                    // No server listens on port 1.
                    Ok(Arc::new(RedisBroker::connect("redis://127.0.0.1:1", options("broken")).unwrap()))
                }

                async fn lose_data(&self) -> Result<(), Cannot> {
                    ($servers).iter().for_each(|server| lose(server, &self.0));
                    Ok(())
                }

                async fn interrupt(&self) -> Result<(), Cannot> {
                    let proxy = self.1.as_ref();
                    proxy
                        .map(Proxy::cut)
                        .ok_or(Cannot("nodes name their own addresses: the drills kill them"))
                }

                async fn restore(&self) {
                    self.1.iter().for_each(Proxy::pass);
                }

                fn patience(&self) -> Duration {
                    Duration::from_mins(1)
                }
            }

            presence_core::broker_conformance_tests!($kind);
        }
    };
}

fn at(port: u16, options: BrokerOptions) -> RedisBroker {
    RedisBroker::connect(&format!("redis://127.0.0.1:{port}"), options).unwrap()
}

harness!(redis, OnRedis, proxy: Some(Proxy::to(REDIS.port())), open: at, servers: [&*REDIS]);
harness!(valkey, OnValkey, proxy: Some(Proxy::to(VALKEY.port())), open: at, servers: [&*VALKEY]);
harness!(cluster, OnCluster, proxy: None,
    open: |_, options| RedisBroker::cluster(CLUSTER.urls(), options).unwrap(),
    servers: CLUSTER.nodes().iter().collect::<Vec<_>>());
harness!(sentinel, OnSentinel, proxy: None,
    open: |_, options| RedisBroker::sentinel(Sentinels::new(SENTINEL.urls(), SENTINEL.service()), options).unwrap(),
    servers: [SENTINEL.master()]);
