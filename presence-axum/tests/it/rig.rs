//! A mount on a free port, with a manual clock.

use crate::client::{Events, Reply, events, send};
use axum::Router;
use presence_axum::serve::{Options, serve};
use presence_axum::{Mount, not_found};
use presence_core::testing::ManualClock;
use presence_core::{Builder, Clock, Policy, Presence, PresenceStore, Timestamp};
use presence_memory::MemoryStore;
use std::net::SocketAddr;
use std::time::Duration;
use tokio::net::TcpListener;
use tokio_util::sync::{CancellationToken, DropGuard};

/// The time at which every test begins.
pub const START: Timestamp = Timestamp::from_secs(1_710_000_000);

/// How long before that a presence starts, so that its view is fresh by then.
pub const WARM_UP: Duration = Duration::from_secs(4);

pub struct Rig {
    pub clock: ManualClock,
    pub presence: Presence,
    pub address: SocketAddr,
    _serves: DropGuard,
}

impl Rig {
    /// All routes, with the defaults.
    pub async fn new() -> Self {
        Self::with(|mount| mount).await
    }

    /// All routes, configured by `set`.
    pub async fn with(set: impl FnOnce(Mount) -> Mount) -> Self {
        Self::serving(|presence| set(Mount::new(presence)).routes().fallback(not_found)).await
    }

    /// The same, with the manual clock as an argument.
    pub async fn with_clock(set: impl FnOnce(Mount, &ManualClock) -> Mount) -> Self {
        let clock = ManualClock::at(START - WARM_UP);
        let app = |presence| set(Mount::new(presence), &clock).routes().fallback(not_found);
        Self::on(MemoryStore::with_clock(clock.clone()), clock.clone(), 1_000, app).await
    }

    /// The app that `app` makes of a presence.
    pub async fn serving(app: impl FnOnce(Presence) -> Router) -> Self {
        let clock = ManualClock::at(START - WARM_UP);
        Self::on(MemoryStore::with_clock(clock.clone()), clock, 1_000, app).await
    }

    /// The same on its own store, with room for `max_sessions`.
    pub async fn on(
        store: impl PresenceStore,
        clock: ManualClock,
        max_sessions: usize,
        app: impl FnOnce(Presence) -> Router,
    ) -> Self {
        Self::built(store, clock, |builder| builder.max_sessions(max_sessions), app).await
    }

    /// The same with other settings of the presence.
    pub async fn built(
        store: impl PresenceStore,
        clock: ManualClock,
        set: impl FnOnce(Builder) -> Builder,
        app: impl FnOnce(Presence) -> Router,
    ) -> Self {
        let builder = Presence::builder(store).clock(clock.clone()).policy(Policy::default());
        let presence = set(builder).start().unwrap();
        presence.ready().await;
        // The view is fresh after time has been proven for a while.
        clock.advance(START.since(clock.now())).await;
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

    pub async fn hit(&self, body: &str) -> Reply {
        send(self.address, "POST", "/v1/hit", &[], body.to_owned()).await
    }

    /// A hit that must be accepted.
    pub async fn hits(&self, body: &str) {
        let reply = self.hit(body).await;
        assert_eq!(reply.status, 200, "{}", reply.text);
    }

    pub async fn events(&self, path: &str) -> Events {
        events(self.address, path, &[]).await
    }
}
