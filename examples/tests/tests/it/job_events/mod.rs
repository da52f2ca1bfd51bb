//! job-events: its contract, line by line.

mod access;
mod creates;
mod drill;
mod failing;
mod health;
mod keys;
mod limits;
mod page;
mod pulls;
mod pushes;
mod servers;
mod settings;
mod streams;
mod updates;

use crate::client::{Events, Reply, events, send, soon};
use crate::rig::{START, clock};
use clap::Parser;
use job_events::{Access, Intake, Service, Settings, Stores, app, policy};
use presence_axum::serve::{Options, serve};
use presence_core::broker::Retention;
use presence_core::testing::ManualClock;
use presence_core::{Broker, Clock, Presence, Timestamp, Topic};
use presence_memory::{HISTORY_BYTES, MemoryBroker, MemoryStore};
use serde_json::{Value, json};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::TcpListener;
use tokio_util::sync::{CancellationToken, DropGuard};

/// The settings that these flags make.
fn settings(flags: &[&str]) -> Settings {
    Settings::try_parse_from(["job-events"].iter().chain(flags)).unwrap()
}

/// One instance, in virtual time.
pub(crate) struct Node {
    clock: ManualClock,
    stores: Stores,
    intake: Intake,
    pub(crate) address: SocketAddr,
    _serves: DropGuard,
}

impl Node {
    pub(crate) async fn new() -> Self {
        Self::with(&[]).await
    }

    async fn with(flags: &[&str]) -> Self {
        Self::keeping(Retention::default(), flags).await
    }

    /// An instance whose broker keeps this much.
    async fn keeping(retention: Retention, flags: &[&str]) -> Self {
        let clock = clock();
        let broker = Arc::new(MemoryBroker::with(retention, HISTORY_BYTES, clock.clone()));
        Self::on(broker, clock, flags).await
    }

    /// An instance on a broker of the test's own.
    async fn on(broker: Arc<dyn Broker>, clock: ManualClock, flags: &[&str]) -> Self {
        let settings = settings(flags);
        let store = MemoryStore::with_clock(clock.clone());
        let presence = Presence::builder(store).clock(clock.clone()).policy(policy()).start().unwrap();
        presence.ready().await;
        clock.advance(Timestamp::from_secs(START).since(clock.now())).await;
        let access = Access::of(&settings.tokens, clock.clone()).unwrap();
        let stores = Stores { presence, broker, backend: "memory", keeper: None };
        let service = Service::new(&stores, &settings, access);
        let intake = service.intake().clone();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let stop = CancellationToken::new();
        let app = app(service, &settings);
        tokio::spawn(serve(listener, app, Options::default(), stop.clone().cancelled_owned()));
        Self { clock, stores, intake, address, _serves: stop.drop_guard() }
    }

    /// Another instance on the broker of this one.
    async fn sharing(&self) -> Self {
        Self::on(Arc::clone(&self.stores.broker), self.clock.clone(), &[]).await
    }

    fn intake(&self) -> &Intake {
        &self.intake
    }

    pub(crate) async fn get(&self, path: &str) -> Reply {
        send(self.address, "GET", path, &[], "").await
    }

    async fn post(&self, path: &str, body: impl ToString) -> Reply {
        send(self.address, "POST", path, &[], body.to_string()).await
    }

    /// A new job's id.
    pub(crate) async fn create(&self) -> String {
        let reply = self.post("/api/v1/jobs", json!({"topics": ["t"], "sources": ["s"]})).await;
        assert_eq!(reply.status, 201, "{}", reply.text);
        reply.json()["jobId"].as_str().unwrap().to_owned()
    }

    /// An update that must be taken.
    pub(crate) async fn update(&self, job: &str, status: &str, progress: u8) {
        let reply = self.post(&updates_of(job), update(status, progress)).await;
        assert_eq!(reply.status, 202, "{}", reply.text);
    }

    /// Waits until a job has this many viewers: those whose stream has ended are gone by then.
    pub(crate) async fn until_watched_by(&self, job: &str, viewers: u32) {
        let topic = Topic::new(format!("job:{job}")).unwrap();
        let counts = || self.stores.presence.topic(&topic).counts();
        soon(async {
            while counts().online != viewers {
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
        })
        .await;
    }

    /// An open stream, past its first line.
    async fn watch(&self, job: &str) -> Events {
        self.watch_with(&events_of(job), &[]).await
    }

    async fn watch_with(&self, path: &str, headers: &[(&str, &str)]) -> Events {
        let mut stream = events(self.address, path, headers).await;
        assert_eq!(stream.status, 200, "{path}");
        assert_eq!(stream.event().await, "retry: 2000");
        stream
    }

    pub(crate) async fn advance(&self, time: Duration) {
        self.clock.advance(time).await;
    }
}

/// The text of its metrics while a job is watched.
pub(crate) async fn metrics() -> String {
    job_events::record();
    let node = Node::new().await;
    let job = node.create().await;
    let _stream = node.watch(&job).await;
    node.update(&job, "processing", 1).await;
    // Gauges are set now and then.
    node.advance(Duration::from_secs(31)).await;
    node.get("/metrics").await.text
}

/// An update as publishers send it.
fn update(status: &str, progress: u8) -> Value {
    json!({"status": status, "progress": progress, "stage": format!("stage-{progress}"), "message": "m",
        "timestamp": "2026-01-02T03:04:05Z"})
}

/// The event that viewers of the job get for it.
fn shown(job: &str, status: &str, progress: u8) -> String {
    format!(
        r#"{{"jobId":{},"status":"{status}","progress":{progress},"stage":"stage-{progress}","message":"m","timestamp":"2026-01-02T03:04:05Z"}}"#,
        json!(job)
    )
}

fn encoded(job: &str) -> String {
    job.bytes().fold(String::new(), |text, byte| text + &format!("%{byte:02X}"))
}

fn events_of(job: &str) -> String {
    format!("/api/v1/jobs/{}/events", encoded(job))
}

fn updates_of(job: &str) -> String {
    format!("/api/v1/jobs/{}/updates", encoded(job))
}

/// The next event, which must be one with data: its id and its data.
async fn next_event(stream: &mut Events) -> (String, String) {
    let event = stream.event().await;
    let (id, data) = event.split_once('\n').unwrap_or_else(|| panic!("no event with an id: {event}"));
    let (id, data) = (id.strip_prefix("id: "), data.strip_prefix("data: "));
    (id.unwrap_or_else(|| panic!("{event}")).to_owned(), data.unwrap_or_else(|| panic!("{event}")).to_owned())
}

/// The progress in the next event.
async fn progress(stream: &mut Events) -> u64 {
    let (_, data) = next_event(stream).await;
    serde_json::from_str::<Value>(&data).unwrap()["progress"].as_u64().unwrap()
}
