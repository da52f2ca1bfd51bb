//! chat-gateway: its contract, line by line.

mod admin;
mod client;
mod connecting;
mod keys;
mod limits;
mod messages;
mod page;
mod presence;
mod rest;
mod rooms;
mod servers;
mod settings;
mod statuses;
mod together;
mod typing;

use crate::client::{Reply, send, soon};
use crate::rig::{START, clock};
use crate::ws::{Client, connect_with};
use chat_gateway::{Exchange, Service, Settings, Stores, Users, app, policy, retention};
use clap::Parser;
use jsonwebtoken::{EncodingKey, Header, encode};
use presence_axum::serve::{Options, serve};
use presence_core::testing::ManualClock;
use presence_core::{Clock, Presence, Timestamp};
use presence_memory::{HISTORY_BYTES, MemoryBroker, MemoryStore};
use serde_json::{Value, json};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::TcpListener;
use tokio_util::sync::{CancellationToken, DropGuard};

pub(crate) const SECRET: &str = "a secret of at least 32 bytes, only for tests";

/// The settings that these flags make, beside the secret.
fn settings(flags: &[&str]) -> Settings {
    let secret =
        if flags.iter().any(|flag| flag.ends_with("-url")) { &[][..] } else { &["--jwt-secret", SECRET] };
    Settings::try_parse_from(["chat-gateway"].iter().chain(secret).chain(flags)).unwrap()
}

/// A token with these claims that expires at this second.
fn token_until(mut claims: Value, seconds: u64) -> String {
    claims["exp"] = json!(seconds);
    encode(&Header::default(), &claims, &EncodingKey::from_secret(SECRET.as_bytes())).unwrap()
}

/// A token of a user whose name is theirs in capitals, for an hour of virtual time.
pub(crate) fn token(user: &str) -> String {
    let claims = json!({"sub": user, "preferred_username": user.to_uppercase(), "iat": START});
    token_until(claims, START + 3_600)
}

fn admin() -> String {
    token_until(json!({"sub": "root", "admin": true}), START + 3_600)
}

/// State that the stores of several instances share, in virtual time.
#[derive(Clone)]
struct Cluster {
    clock: ManualClock,
    store: MemoryStore,
    broker: Arc<MemoryBroker>,
}

impl Cluster {
    fn new() -> Self {
        let clock = clock();
        let broker = MemoryBroker::with(retention(), HISTORY_BYTES, clock.clone());
        Self { store: MemoryStore::with_clock(clock.clone()), broker: Arc::new(broker), clock }
    }
}

/// One instance, in virtual time.
pub(crate) struct Node {
    cluster: Cluster,
    presence: Presence,
    pub(crate) address: SocketAddr,
    _serves: DropGuard,
}

impl Node {
    pub(crate) async fn new() -> Self {
        Self::with(&[]).await
    }

    pub(crate) async fn with(flags: &[&str]) -> Self {
        Self::of(&Cluster::new(), flags).await
    }

    async fn of(cluster: &Cluster, flags: &[&str]) -> Self {
        let settings = settings(flags);
        let Cluster { clock, store, broker } = cluster.clone();
        let presence = Presence::builder(store).clock(clock.clone()).policy(policy()).start().unwrap();
        presence.ready().await;
        clock.advance(Timestamp::from_secs(START).since(clock.now())).await;
        let stores = Stores { presence: presence.clone(), exchange: Exchange::over(broker) };
        let users = Users::of(&settings.tokens, clock).unwrap();
        let service = Service::new(&stores, &settings, users).unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let stop = CancellationToken::new();
        let app = app(service, settings.cors().unwrap());
        tokio::spawn(serve(listener, app, Options::default(), stop.clone().cancelled_owned()));
        Self { cluster: cluster.clone(), presence, address, _serves: stop.drop_guard() }
    }

    pub(crate) async fn connect(&self, user: &str) -> Client {
        connected(self.address, &token(user)).await
    }

    pub(crate) async fn get(&self, path: &str) -> Reply {
        get(self.address, path, &token("reader")).await
    }

    async fn say(&self, user: &str, room: &str, content: &str) {
        let body = json!({"channel_id": room, "content": content});
        let reply = post(self.address, "/messages", &token(user), body).await;
        assert_eq!(reply.status, 202, "{}", reply.text);
    }

    pub(crate) async fn advance(&self, seconds: u64) {
        self.cluster.clock.advance(Duration::from_secs(seconds)).await;
    }

    /// Waits until this many connections are open: those that were closed have left by then.
    pub(crate) async fn open(&self, connections: u64) {
        open(self.address, connections).await;
    }
}

/// The text of its metrics after some connections.
pub(crate) async fn metrics() -> String {
    chat_gateway::record();
    let node = Node::new().await;
    let mut alice = node.connect("alice").await;
    alice.enters("general").await;
    alice.send("nonsense").await;
    alice.of("error").await;
    drop(node.connect("bob").await);
    node.open(1).await;
    // Gauges are set now and then.
    node.advance(31).await;
    node.get("/metrics").await.text
}

async fn connected(address: SocketAddr, token: &str) -> Client {
    let connected = connect_with(address, &format!("/ws?token={token}"), &[]).await;
    connected.unwrap_or_else(|status| panic!("refused with {status}"))
}

async fn get(address: SocketAddr, path: &str, token: &str) -> Reply {
    send(address, "GET", path, &[("authorization", &format!("Bearer {token}"))], "").await
}

async fn post(address: SocketAddr, path: &str, token: &str, body: Value) -> Reply {
    let body = if body.is_null() { String::new() } else { body.to_string() };
    send(address, "POST", path, &[("authorization", &format!("Bearer {token}"))], body).await
}

async fn open(address: SocketAddr, connections: u64) {
    soon(async {
        while send(address, "GET", "/health", &[], "").await.json()["active_connections"] != connections {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    })
    .await;
}

impl Client {
    pub(crate) async fn send_json(&mut self, frame: Value) {
        self.send(&frame.to_string()).await;
    }

    /// Subscribes to a channel; returns the ids of the present users.
    pub(crate) async fn enters(&mut self, channel: &str) -> Vec<String> {
        self.send_json(json!({"type": "subscribe", "channel_id": channel})).await;
        let subscribed = self.of("subscribed").await;
        assert_eq!(subscribed, json!({"type": "subscribed", "channel_id": channel, "dm_id": null}));
        let state = self.of("presence_state").await;
        assert_eq!((&state["channel_id"], &state["dm_id"]), (&json!(channel), &Value::Null));
        state["users"].as_array().unwrap().iter().map(|user| text(&user["user_id"])).collect()
    }

    /// The next change that is not the client's own: who, and how.
    async fn change(&mut self) -> (String, String) {
        let frame = self.of("presence").await;
        (text(&frame["user_id"]), text(&frame["status"]))
    }

    /// All changes before the one that reports this user as online.
    async fn changes_until(&mut self, user: &str) -> Vec<(String, String)> {
        let mut changes = Vec::new();
        loop {
            let change = self.change().await;
            if change == (user.to_owned(), "online".to_owned()) {
                return changes;
            }
            changes.push(change);
        }
    }
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}

fn is(user: &str, status: &str) -> (String, String) {
    (user.to_owned(), status.to_owned())
}
