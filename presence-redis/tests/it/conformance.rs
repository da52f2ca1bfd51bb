//! One test per clause of the store's contract, on every kind of server.

use crate::rig::{self, CLUSTER, REDIS, SENTINEL, VALKEY};
use async_trait::async_trait;
use presence_core::PresenceStore;
use presence_core::testing::conformance::{Cannot, Harness};
use presence_redis::RedisStore;
use std::sync::Arc;

/// The tests of one kind of server. The text in the harness is the prefix of its namespaces.
macro_rules! harness {
    ($module:ident, $kind:ident, histories: $histories:literal, open: $open:expr, lose: $lose:expr) => {
        mod $module {
            use super::*;

            struct $kind(String);

            #[async_trait]
            impl Harness for $kind {
                async fn fresh() -> Self {
                    Self(rig::unique())
                }

                async fn open(&self, namespace: &str) -> Arc<dyn PresenceStore> {
                    Arc::new(($open)(&format!("{}-{namespace}", self.0)))
                }

                async fn open_broken(&self) -> Result<Arc<dyn PresenceStore>, Cannot> {
                    // No server listens on port 1.
                    let options = rig::options("broken");
                    Ok(Arc::new(RedisStore::connect("redis://127.0.0.1:1", options).unwrap()))
                }

                async fn lose_all(&self, namespace: &str) -> Result<(), Cannot> {
                    ($lose)(&format!("{}-{namespace}", self.0));
                    Ok(())
                }

                fn histories(&self) -> u64 {
                    $histories
                }
            }

            presence_core::conformance_tests!($kind);
        }
    };
}

harness!(redis, Redis, histories: 32, open: |name: &str| rig::on(&REDIS, name), lose: |name: &str| rig::lose(&REDIS, name));
harness!(valkey, Valkey, histories: 32, open: |name: &str| rig::on(&VALKEY, name), lose: |name: &str| rig::lose(&VALKEY, name));
harness!(cluster, Nodes, histories: 16, open: |name: &str| rig::on_cluster(&CLUSTER, name), lose: |name: &str| {
    CLUSTER.nodes().iter().for_each(|node| rig::lose(node, name));
});
harness!(sentinel, Watched, histories: 16, open: |name: &str| rig::through_sentinel(&SENTINEL, name), lose: |name: &str| {
    rig::lose(SENTINEL.master(), name);
});
