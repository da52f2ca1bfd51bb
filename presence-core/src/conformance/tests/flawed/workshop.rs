//! The harness of broken stores.

use super::*;

pub(in super::super) struct Workshop {
    flaw: Flaw,
    clock: ManualClock,
    /// How far the store's clock was stepped.
    ahead: Arc<AtomicI64>,
    namespaces: Mutex<HashMap<String, ReferenceStore>>,
}

impl Workshop {
    pub(in super::super) fn of(flaw: Flaw) -> Self {
        Self { flaw, clock: ManualClock::default(), ahead: Arc::default(), namespaces: Mutex::default() }
    }
}

#[async_trait]
impl Harness for Workshop {
    async fn fresh() -> Self {
        unreachable!("a broken store is made with its flaw")
    }

    async fn open(&self, namespace: &str) -> Arc<dyn PresenceStore> {
        let namespace = if self.flaw == Flaw::NamespacesLeak { "" } else { namespace };
        let new = || ReferenceStore::new(self.clock.clone());
        let store = self.namespaces.lock().entry(namespace.to_owned()).or_insert_with(new).clone();
        Arc::new(self.broken(store))
    }

    async fn open_broken(&self) -> std::result::Result<Arc<dyn PresenceStore>, Cannot> {
        let store = ReferenceStore::new(self.clock.clone());
        if self.flaw != Flaw::OutOfReachIsEmpty {
            store.faults().go_down();
        }
        Ok(Arc::new(self.broken(store)))
    }

    async fn lose_all(&self, namespace: &str) -> std::result::Result<(), Cannot> {
        self.namespaces.lock()[namespace].faults().come_back_empty();
        Ok(())
    }

    async fn refuse_writes(&self, namespace: &str) -> std::result::Result<(), Cannot> {
        self.namespaces.lock()[namespace].faults().refuse_writes();
        Ok(())
    }

    async fn accept_writes(&self, namespace: &str) {
        self.namespaces.lock()[namespace].faults().accept_writes();
    }

    async fn step_clock(&self, namespace: &str, millis: i64) -> std::result::Result<(), Cannot> {
        self.namespaces.lock()[namespace].faults().jump_clock(millis);
        self.ahead.fetch_add(millis, Ordering::Relaxed);
        Ok(())
    }

    async fn stop_replication(&self, namespace: &str) -> std::result::Result<(), Cannot> {
        self.namespaces.lock()[namespace].faults().stop_replication();
        Ok(())
    }

    async fn fail_over(&self, namespace: &str) -> std::result::Result<(), Cannot> {
        self.namespaces.lock()[namespace].faults().fail_over();
        Ok(())
    }

    async fn advance(&self, by: Duration) {
        self.clock.advance(by).await;
    }

    fn histories(&self) -> u64 {
        16
    }
}

impl Workshop {
    fn broken(&self, store: ReferenceStore) -> Broken {
        Broken { store, flaw: self.flaw, clock: self.clock.clone(), ahead: Arc::clone(&self.ahead) }
    }
}
