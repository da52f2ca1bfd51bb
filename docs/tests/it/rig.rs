//! A program on a free port, with a clock that the test advances.

use crate::client::{Events, Reply, events, send};
use axum::Router;
use presence_axum::serve::{Options, serve};
use presence_core::testing::ManualClock;
use presence_core::{Policy, Presence, Timestamp};
use presence_memory::MemoryStore;
use std::net::SocketAddr;
use std::time::Duration;
use tokio::net::TcpListener;

pub struct Rig {
    pub clock: ManualClock,
    pub presence: Presence,
    pub address: SocketAddr,
}

impl Rig {
    pub async fn serving(app: impl FnOnce(Presence) -> Router) -> Self {
        Self::with(Policy::default(), app).await
    }

    pub async fn with(policy: Policy, app: impl FnOnce(Presence) -> Router) -> Self {
        let clock = ManualClock::at(Timestamp::from_secs(1_700_000_000));
        let store = MemoryStore::with_clock(clock.clone());
        let presence = Presence::builder(store).clock(clock.clone()).policy(policy).start().unwrap();
        presence.ready().await;
        // The view is fresh after time has been proven for a while.
        clock.advance(Duration::from_secs(4)).await;
        let address = serving(app(presence.clone())).await;
        Self { clock, presence, address }
    }

    pub async fn get(&self, path: &str) -> Reply {
        send(self.address, "GET", path, &[], "").await
    }

    pub async fn post(&self, path: &str, body: &str) -> Reply {
        send(self.address, "POST", path, &[], body.to_owned()).await
    }

    /// Enters as this user, in these topics.
    pub async fn enter(&self, user: &str, topics: &[&str]) -> Reply {
        let hit = serde_json::json!({ "user": user, "kind": "enter", "topics": topics });
        self.post("/v1/hit", &hit.to_string()).await
    }

    /// Leaves without the grace.
    pub async fn leave(&self, user: &str) {
        let hit = serde_json::json!({ "user": user, "kind": "leave", "now": true });
        assert_eq!(self.post("/v1/hit", &hit.to_string()).await.status, 200);
    }

    pub async fn events(&self, path: &str) -> Events {
        events(self.address, path, &[]).await
    }

    pub async fn advance(&self, seconds: u64) {
        self.clock.advance(Duration::from_secs(seconds)).await;
    }
}

/// Serves until the test ends.
pub async fn serving(app: Router) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(serve(listener, app, Options::default(), std::future::pending()));
    address
}
