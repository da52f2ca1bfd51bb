//! A service on a free port, with a clock that is turned by hand.

use crate::client::{Events, Reply, events, send};
use axum::Router;
use presence_axum::serve::{Options, serve};
use presence_core::testing::ManualClock;
use presence_core::{Builder, Clock, Policy, Presence, PresenceStore, Timestamp};
use presence_memory::MemoryStore;
use std::net::SocketAddr;
use std::time::Duration;
use tokio::net::TcpListener;
use tokio_util::sync::{CancellationToken, DropGuard};

/// When every test begins, in unix seconds.
pub const START: u64 = 1_710_000_000;

/// How many seconds before that a presence starts whose view is to be fresh then.
const WARM_UP: u64 = 4;

/// A clock that is set to shortly before [`START`].
pub fn clock() -> ManualClock {
    ManualClock::at(Timestamp::from_secs(START - WARM_UP))
}

pub struct Rig {
    pub clock: ManualClock,
    pub presence: Presence,
    pub address: SocketAddr,
    _serves: DropGuard,
}

impl Rig {
    /// A service on its own memory store.
    pub async fn serving(policy: Policy, app: impl FnOnce(Presence) -> Router) -> Self {
        let clock = clock();
        Self::on(MemoryStore::with_clock(clock.clone()), clock, policy, app).await
    }

    /// On a store of the test's own, which has the same clock.
    pub async fn on(
        store: impl PresenceStore,
        clock: ManualClock,
        policy: Policy,
        app: impl FnOnce(Presence) -> Router,
    ) -> Self {
        let builder = Presence::builder(store).clock(clock.clone()).policy(policy);
        Self::starting(builder, clock, app).await
    }

    /// On a presence as it is set up here.
    pub async fn starting(
        builder: Builder,
        clock: ManualClock,
        app: impl FnOnce(Presence) -> Router,
    ) -> Self {
        let presence = builder.start().unwrap();
        presence.ready().await;
        // The view is fresh after time has been proven for a while.
        clock.advance(Timestamp::from_secs(START).since(clock.now())).await;
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let stop = CancellationToken::new();
        let app = app(presence.clone());
        tokio::spawn(serve(listener, app, Options::default(), stop.clone().cancelled_owned()));
        Self { clock, presence, address, _serves: stop.drop_guard() }
    }

    pub async fn advance(&self, seconds: u64) {
        self.clock.advance(Duration::from_secs(seconds)).await;
    }

    pub async fn get(&self, path: &str) -> Reply {
        send(self.address, "GET", path, &[], "").await
    }

    pub async fn hit(&self, body: impl Into<String>) -> Reply {
        send(self.address, "POST", "/v1/hit", &[], body.into()).await
    }

    pub async fn events(&self, path: &str) -> Events {
        events(self.address, path, &[]).await
    }
}
