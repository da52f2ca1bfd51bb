//! A node of the service on a free port, on a clock that is turned by hand.

use crate::client::{Reply, send};
use clap::Parser;
use hub_and_spoke::{Service, Settings, app, node, record, rule, server};
use jsonwebtoken::{EncodingKey, Header, encode};
use presence_axum::auth::Auth;
use presence_axum::serve::serve;
use presence_core::testing::ManualClock;
use presence_core::testing::conformance::{Faults, ReferenceStore};
use presence_core::{Clock, PresenceStore, Timestamp};
use presence_memory::MemoryStore;
use serde_json::{Value, json};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::TcpListener;
use tokio_util::sync::{CancellationToken, DropGuard};

pub const START: u64 = 1_710_000_000;
pub const SECRET: &str = "a secret of at least 32 bytes, please";

pub struct Node {
    /// A clock that the test controls.
    clock: Option<ManualClock>,
    pub address: SocketAddr,
    _serves: DropGuard,
}

pub fn clock() -> ManualClock {
    ManualClock::at(Timestamp::from_secs(START))
}

/// A token of this subject, with these claims beside.
pub fn token(subject: &str, more: &Value) -> String {
    let mut claims = json!({ "sub": subject, "exp": 4_000_000_000_u64 });
    let more = more.as_object().cloned().unwrap_or_default();
    claims.as_object_mut().unwrap().extend(more);
    encode(&Header::default(), &claims, &EncodingKey::from_secret(SECRET.as_bytes())).unwrap()
}

/// A token that may write for everybody.
pub fn admin() -> String {
    token("root", &json!({ "admin": true }))
}

/// The settings that these arguments make.
pub fn settings(arguments: &[&str]) -> Settings {
    let fixed = ["hub-and-spoke", "--node-id", "center-1", "--jwt-secret", SECRET];
    Settings::parse_from(fixed.iter().chain(arguments))
}

impl Node {
    /// A center on memory.
    pub async fn memory() -> Self {
        Self::with(&[]).await
    }

    /// A center on memory, with these settings.
    pub async fn with(arguments: &[&str]) -> Self {
        let clock = clock();
        let store = Arc::new(MemoryStore::with_clock(clock.clone()));
        Self::on(store, clock, &settings(arguments)).await
    }

    /// A center on a store with faults that a test controls.
    pub async fn faulty() -> (Self, Faults) {
        let clock = clock();
        let store = ReferenceStore::new(clock.clone());
        let faults = store.faults();
        (Self::on(Arc::new(store), clock, &settings(&[])).await, faults)
    }

    /// A node on this store, by the clock of the test.
    pub async fn on(store: Arc<dyn PresenceStore>, clock: ManualClock, settings: &Settings) -> Self {
        let node = Self { clock: Some(clock.clone()), ..Self::by(store, clock, settings).await };
        node.advance(2).await; // the watch has begun
        node
    }

    /// A node on this store, by any clock.
    pub async fn by(store: Arc<dyn PresenceStore>, clock: impl Clock + Clone, settings: &Settings) -> Self {
        record();
        let tokens = settings.tokens().unwrap().clock(clock.clone());
        let auth = Auth::new(tokens).authorize(rule(settings.writes()));
        let service = Service::new(node::leaf(&store, clock, settings), auth);
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let stop = CancellationToken::new();
        let app = app(service, settings.cors.cors().unwrap());
        let options = server(settings.cors.cors().unwrap());
        tokio::spawn(serve(listener, app, options, stop.clone().cancelled_owned()));
        Self { clock: None, address, _serves: stop.drop_guard() }
    }

    pub async fn advance(&self, seconds: u64) {
        let clock = self.clock.as_ref().expect("this node goes by a clock of ours");
        clock.advance(Duration::from_secs(seconds)).await;
    }

    /// A call with this token.
    pub async fn call(
        &self,
        method: &str,
        path: &str,
        token: Option<&str>,
        body: impl Into<String>,
    ) -> Reply {
        let bearer = token.map(|token| format!("Bearer {token}"));
        let headers: Vec<_> = bearer.iter().map(|bearer| ("authorization", bearer.as_str())).collect();
        send(self.address, method, path, &headers, body.into()).await
    }

    /// Reads as somebody.
    pub async fn get(&self, path: &str) -> Reply {
        self.call("GET", path, Some(&token("reader", &json!({}))), "").await
    }

    /// Writes as an administrator.
    pub async fn post(&self, path: &str, body: impl Into<String>) -> Reply {
        self.call("POST", path, Some(&admin()), body).await
    }

    /// Sets a status, which must be taken.
    pub async fn set(&self, user: &str, status: &str) -> Value {
        let reply =
            self.post(&format!("/api/v2/presence/{user}"), json!({ "status": status }).to_string()).await;
        assert_eq!(reply.status, 200, "{}", reply.text);
        reply.json()
    }

    /// The shown status of a user, or the code of an error.
    pub async fn status(&self, user: &str) -> String {
        let reply = self.get(&format!("/api/v2/presence/{user}")).await;
        match reply.status {
            200 => reply.json()["status"].as_str().unwrap().to_owned(),
            other => other.to_string(),
        }
    }

    /// A counter of the cache.
    pub async fn counted(&self, name: &str) -> u64 {
        self.get("/api/v2/cache/metrics").await.json()[name].as_u64().unwrap()
    }
}
