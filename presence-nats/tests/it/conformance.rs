//! One test per clause of the contract, on every kind of server.

use crate::rig::{self, CLUSTER, LEAF, NATS, OLD};
use async_trait::async_trait;
use presence_core::PresenceStore;
use presence_core::testing::conformance::{Cannot, Harness};
use presence_nats::{Options, Storage};
use std::collections::BTreeSet;
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// Implements the harness for one kind of server; the streams can be deleted at `$server`.
macro_rules! harness {
    ($module:ident, $kind:ident, histories: $histories:literal, options: $options:expr, urls: $urls:expr, server: $server:expr) => {
        mod $module {
            use super::*;

            struct $kind {
                prefix: String,
                opened: Mutex<BTreeSet<String>>,
            }

            #[async_trait]
            impl Harness for $kind {
                async fn fresh() -> Self {
                    if stringify!($module) == "cluster" {
                        CLUSTER.prove();
                    }
                    Self { prefix: rig::unique(), opened: Mutex::default() }
                }

                async fn open(&self, namespace: &str) -> Arc<dyn PresenceStore> {
                    let name = format!("{}-{namespace}", self.prefix);
                    self.opened.lock().unwrap().insert(name.clone());
                    // The timeout is long, since these tests do not measure speed.
                    let options = ($options)(&name).call_timeout(Duration::from_secs(10));
                    Arc::new(rig::at(&$urls, options))
                }

                async fn open_broken(&self) -> Result<Arc<dyn PresenceStore>, Cannot> {
                    if stringify!($module) != "memory" {
                        return Err(Cannot("who is out of reach is the same everywhere: see `memory`"));
                    }
                    // No server listens on port 1.
                    let options = rig::options("broken", Storage::Memory);
                    Ok(Arc::new(rig::at("nats://127.0.0.1:1", options)))
                }

                async fn lose_all(&self, namespace: &str) -> Result<(), Cannot> {
                    rig::lose($server, &format!("{}-{namespace}", self.prefix));
                    Ok(())
                }

                async fn refuse_writes(&self, namespace: &str) -> Result<(), Cannot> {
                    for stream in ["KV", "BEATS"] {
                        rig::refuse($server, stream, &format!("{}-{namespace}", self.prefix), true);
                    }
                    Ok(())
                }

                async fn accept_writes(&self, namespace: &str) {
                    for stream in ["KV", "BEATS"] {
                        rig::refuse($server, stream, &format!("{}-{namespace}", self.prefix), false);
                    }
                }

                fn histories(&self) -> u64 {
                    $histories
                }
            }

            impl Drop for $kind {
                /// Deletes the streams of the case, since hundreds of streams slow a server down,
                /// above all in a cluster.
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

fn in_memory(name: &str) -> Options {
    rig::options(name, Storage::Memory)
}

fn in_files(name: &str) -> Options {
    rig::options(name, Storage::File)
}

harness!(memory, InMemory, histories: 32, options: in_memory, urls: NATS.url(), server: &NATS);
harness!(file, InFiles, histories: 16, options: in_files, urls: NATS.url(), server: &NATS);
harness!(old, Old, histories: 16, options: in_files, urls: OLD.url(), server: &OLD);
harness!(cluster, Replicated, histories: 6, options: rig::replicated, urls: CLUSTER.urls().join(","), server: &CLUSTER.nodes()[0]);
harness!(leaf, AtTheEdge, histories: 8, options: rig::from_the_edge, urls: LEAF.leaf().url(), server: LEAF.hub());
