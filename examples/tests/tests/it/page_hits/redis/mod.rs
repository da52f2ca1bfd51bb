//! On a real Redis, by the real clock: whatever is waited for has a deadline, and
//! nothing is measured.

mod outages;
mod together;

use super::body;
use crate::client::{Events, Reply, events, send, soon};
use clap::Parser;
use page_hits::{Settings, app, open};
use presence_axum::serve::{Options, serve};
use presence_core::Presence;
use serde_json::Value;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use test_servers::redis::Redis;
use tokio::net::TcpListener;
use tokio_util::sync::{CancellationToken, DropGuard};

/// A process of the service, as `main` starts it.
struct Process {
    address: SocketAddr,
    _presence: Presence,
    _serves: DropGuard,
}

impl Process {
    async fn on(redis: &Redis) -> Self {
        Self::with(&[&format!("--redis-url={}", redis.url())]).await
    }

    async fn with(flags: &[&str]) -> Self {
        let settings = Settings::try_parse_from(["page-hits"].iter().chain(flags)).unwrap();
        let (presence, probe) = open(&settings.redis, settings.ttl()).unwrap();
        if probe.answers().await.is_ok() {
            soon(presence.ready()).await;
        }
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let stop = CancellationToken::new();
        let app = app(presence.clone(), probe, settings.cors_origins);
        tokio::spawn(serve(listener, app, Options::default(), stop.clone().cancelled_owned()));
        Self { address, _presence: presence, _serves: stop.drop_guard() }
    }

    async fn get(&self, path: &str) -> Reply {
        send(self.address, "GET", path, &[], "").await
    }

    async fn post_hit(&self, sid: &str, path: &str, kind: &str) -> Reply {
        let answer = send(self.address, "POST", "/v1/hit", &[], body(sid, path, kind));
        // A caller that waits no longer than that: a degraded hit is answered within 2 s.
        tokio::time::timeout(Duration::from_secs(5), answer).await.expect("a hit is answered at once")
    }

    /// A hit that must be stored.
    async fn hit(&self, sid: &str, path: &str, kind: &str) {
        assert_eq!(
            self.post_hit(sid, path, kind).await.status_and_text(),
            (200, r#"{"ok":true}"#),
            "{kind} of {path}"
        );
    }

    async fn watch(&self) -> Events {
        events(self.address, "/sse/online", &[]).await
    }

    async fn online(&self) -> Value {
        self.watch().await.data().await
    }

    /// Waits until a new viewer sees these pages, known to be so.
    async fn shows(&self, pages: Value) {
        soon(async {
            loop {
                let online = self.online().await;
                if online["top_pages"] == pages && online.get("degraded").is_none() {
                    return;
                }
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        })
        .await;
    }

    /// Waits until a hit is stored again.
    async fn takes(&self, sid: &str, path: &str, kind: &str) {
        soon(async {
            while self.post_hit(sid, path, kind).await.status != 200 {
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        })
        .await;
    }
}

/// Runs a slow action on a server, while the service continues.
async fn meanwhile<T: Send + 'static>(does: impl FnOnce() -> T + Send + 'static) -> T {
    tokio::task::spawn_blocking(does).await.unwrap()
}

async fn server() -> Arc<Redis> {
    meanwhile(|| Arc::new(Redis::start())).await
}
