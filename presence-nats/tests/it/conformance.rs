//! One test per clause of the contract, on every kind of server.

use crate::rig::{self, CLUSTER, LEAF, NATS, OLD};
use async_trait::async_trait;
use presence_core::PresenceStore;
use presence_core::conformance::{Cannot, Harness};
use presence_nats::{NatsStore, Storage};
use std::collections::BTreeSet;
use std::sync::{Arc, Mutex};
use test_servers::nats::Nats;

/// A kind of server, and where its streams can be deleted.
macro_rules! harness {
    ($module:ident, $kind:ident, histories: $histories:literal, open: $open:expr, server: $server:expr) => {
        mod $module {
            use super::*;

            struct $kind {
                prefix: String,
                opened: Mutex<BTreeSet<String>>,
            }

            #[async_trait]
            impl Harness for $kind {
                async fn fresh() -> Self {
                    Self { prefix: rig::unique(), opened: Mutex::default() }
                }

                async fn open(&self, namespace: &str) -> Arc<dyn PresenceStore> {
                    let name = format!("{}-{namespace}", self.prefix);
                    self.opened.lock().unwrap().insert(name.clone());
                    Arc::new(($open)(&name))
                }

                async fn open_broken(&self) -> Result<Arc<dyn PresenceStore>, Cannot> {
                    if stringify!($module) != "memory" {
                        return Err(Cannot("who is out of reach is the same everywhere: see `memory`"));
                    }
                    // Nobody listens on the first port.
                    let options = rig::options("broken", Storage::Memory);
                    Ok(Arc::new(rig::at("nats://127.0.0.1:1", options)))
                }

                async fn lose_all(&self, namespace: &str) -> Result<(), Cannot> {
                    rig::lose($server, &format!("{}-{namespace}", self.prefix));
                    Ok(())
                }

                fn histories(&self) -> u64 {
                    $histories
                }
            }

            impl Drop for $kind {
                /// Hundreds of streams would slow each other down, in a cluster most of all.
                fn drop(&mut self) {
                    if !std::thread::panicking() {
                        self.opened.lock().unwrap().iter().for_each(|name| rig::lose($server, name));
                    }
                }
            }

            presence_core::conformance_tests!($kind);
        }
    };
}

fn on(server: &Nats, name: &str, storage: Storage) -> NatsStore {
    rig::at(&server.url(), rig::patient(rig::options(name, storage)))
}

fn on_cluster(name: &str) -> NatsStore {
    rig::at(&CLUSTER.urls().join(","), rig::patient(rig::replicated(name)))
}

fn at_the_edge(name: &str) -> NatsStore {
    rig::at(&LEAF.leaf().url(), rig::patient(rig::at_the_edge(&LEAF, name)))
}

harness!(memory, InMemory, histories: 32, open: |name: &str| on(&NATS, name, Storage::Memory), server: &NATS);
harness!(file, InFiles, histories: 16, open: |name: &str| on(&NATS, name, Storage::File), server: &NATS);
harness!(old, Old, histories: 16, open: |name: &str| on(&OLD, name, Storage::File), server: &OLD);
harness!(cluster, Replicated, histories: 6, open: on_cluster, server: &CLUSTER.nodes()[0]);
harness!(leaf, AtTheEdge, histories: 8, open: at_the_edge, server: LEAF.hub());
