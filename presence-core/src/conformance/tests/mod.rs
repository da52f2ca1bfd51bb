use super::{Cannot, Harness, ReferenceStore};
use crate::store::{Coalesce, PresenceStore};
use crate::time::ManualClock;
use async_trait::async_trait;
use parking_lot::Mutex;
use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

/// Reference stores of `SHARDS` shards. Their feeds delay and repeat events if `DISORDER` is not
/// zero, and their callers share batches if `SHARED`.
#[derive(Default)]
struct Sound<const SHARDS: u16, const DISORDER: u64, const SHARED: bool> {
    clock: ManualClock,
    namespaces: Mutex<HashMap<String, ReferenceStore>>,
}

#[async_trait]
impl<const SHARDS: u16, const DISORDER: u64, const SHARED: bool> Harness for Sound<SHARDS, DISORDER, SHARED> {
    async fn fresh() -> Self {
        Self::default()
    }

    async fn open(&self, namespace: &str) -> Arc<dyn PresenceStore> {
        let new = || {
            let store = ReferenceStore::with_shards(self.clock.clone(), SHARDS);
            if DISORDER > 0 {
                store.faults().disorder(DISORDER);
            }
            store
        };
        let store = self.namespaces.lock().entry(namespace.to_owned()).or_insert_with(new).clone();
        if SHARED { Arc::new(Coalesce::new(store).share_loads()) } else { Arc::new(store) }
    }

    async fn open_broken(&self) -> Result<Arc<dyn PresenceStore>, Cannot> {
        let store = ReferenceStore::new(self.clock.clone());
        store.faults().go_down();
        Ok(Arc::new(store))
    }

    async fn lose_all(&self, namespace: &str) -> Result<(), Cannot> {
        self.namespaces.lock()[namespace].faults().come_back_empty();
        Ok(())
    }

    async fn refuse_writes(&self, namespace: &str) -> Result<(), Cannot> {
        self.namespaces.lock()[namespace].faults().refuse_writes();
        Ok(())
    }

    async fn accept_writes(&self, namespace: &str) {
        self.namespaces.lock()[namespace].faults().accept_writes();
    }

    async fn step_clock(&self, namespace: &str, millis: i64) -> Result<(), Cannot> {
        self.namespaces.lock()[namespace].faults().jump_clock(millis);
        Ok(())
    }

    async fn stop_replication(&self, namespace: &str) -> Result<(), Cannot> {
        self.namespaces.lock()[namespace].faults().stop_replication();
        Ok(())
    }

    async fn fail_over(&self, namespace: &str) -> Result<(), Cannot> {
        self.namespaces.lock()[namespace].faults().fail_over();
        Ok(())
    }

    async fn advance(&self, by: Duration) {
        self.clock.advance(by).await;
    }
}

mod reference {
    crate::conformance_tests!(super::Sound<1, 0, false>);
}

mod reference_with_shared_batches {
    crate::conformance_tests!(super::Sound<2, 0, true>);
}

mod reference_of_three_shards_in_disorder {
    crate::conformance_tests!(super::Sound<3, 42, false>);
}

mod broken;
mod flawed;
mod list;
