//! page-hits: its contract, line by line.

mod callers;
mod hits;
mod logs;
mod outages;
mod pages;
mod redis;
mod settings;
mod stream;

use crate::rig::{Rig, clock};
use axum::Router;
use page_hits::{Probe, app, policy};
use presence_core::testing::ManualClock;
use presence_core::testing::conformance::ReferenceStore;
use presence_core::{Presence, PresenceStore};
use serde_json::{Value, json};
use std::time::Duration;

const TTL: Duration = Duration::from_secs(90);

/// One process, on its own store.
async fn rig() -> Rig {
    Rig::serving(policy(TTL), |presence| app(presence, Probe::NONE, "*".parse().unwrap())).await
}

/// A store that several processes share, with faults that a test controls.
struct Shared {
    clock: ManualClock,
    store: ReferenceStore,
}

impl Shared {
    fn new() -> Self {
        let clock = clock();
        Self { store: ReferenceStore::with_shards(clock.clone(), 2), clock }
    }

    /// One more process.
    async fn process(&self) -> Rig {
        Rig::on(self.store.clone(), self.clock.clone(), policy(TTL), |presence| self.app(presence)).await
    }

    fn app(&self, presence: Presence) -> Router {
        let store = self.store.clone();
        let probe = Probe::new(move || {
            let store = store.clone();
            async move { store.now().await.map(drop) }
        });
        app(presence, probe, "*".parse().unwrap())
    }
}

fn body(sid: &str, path: &str, kind: &str) -> String {
    json!({"sid": sid, "path": path, "kind": kind}).to_string()
}

/// A hit that must be stored.
async fn hit(rig: &Rig, sid: &str, path: &str, kind: &str) {
    assert_eq!(
        rig.hit(body(sid, path, kind)).await.status_and_text(),
        (200, r#"{"ok":true}"#),
        "{kind} of {path}"
    );
}

/// The first event of a new viewer.
async fn online(rig: &Rig) -> Value {
    rig.events("/sse/online").await.data().await
}

/// The pages that a new viewer sees first, with their counts.
async fn pages(rig: &Rig) -> Value {
    online(rig).await["top_pages"].take()
}
