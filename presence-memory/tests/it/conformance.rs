//! One test per clause of the contract, on virtual time.

use async_trait::async_trait;
use parking_lot::Mutex;
use presence_core::testing::ManualClock;
use presence_core::testing::conformance::{Cannot, Harness};
use presence_core::{PresenceStore, conformance_tests};
use presence_memory::MemoryStore;
use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

#[derive(Default)]
struct Memory {
    clock: ManualClock,
    namespaces: Mutex<HashMap<String, MemoryStore>>,
}

#[async_trait]
impl Harness for Memory {
    async fn fresh() -> Self {
        Self::default()
    }

    async fn open(&self, namespace: &str) -> Arc<dyn PresenceStore> {
        let new = || MemoryStore::with_clock(self.clock.clone());
        Arc::new(self.namespaces.lock().entry(namespace.to_owned()).or_insert_with(new).clone())
    }

    async fn open_broken(&self) -> Result<Arc<dyn PresenceStore>, Cannot> {
        Err(Cannot("memory is never out of reach"))
    }

    async fn lose_all(&self, _namespace: &str) -> Result<(), Cannot> {
        Err(Cannot("the data of this store is lost only with its process"))
    }

    async fn advance(&self, by: Duration) {
        self.clock.advance(by).await;
    }

    fn histories(&self) -> u64 {
        512
    }
}

conformance_tests!(Memory);
