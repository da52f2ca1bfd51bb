//! The events of a broker's channel, as a resumable stream.

use crate::client::{Events, Reply, events, send, soon};
use crate::rig::{Rig, START};
use axum::Router;
use axum::extract::State;
use axum::response::Response;
use axum::routing::get;
use presence_axum::Limits;
use presence_axum::limits::{Limiter, Permit};
use presence_axum::sse::{Begin, Ping, Replay, Resume};
use presence_core::Broker;
use presence_core::broker::{Channel, Publish, Retention};
use presence_core::testing::ManualClock;
use presence_memory::{MemoryBroker, MemoryStore};
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

struct Stage {
    rig: Rig,
    broker: MemoryBroker,
    limiter: Limiter,
}

impl Stage {
    async fn with(retention: Retention, set: impl FnOnce(Replay) -> Replay) -> Self {
        let limiter = Limiter::new(Limits::default());
        let clock = ManualClock::at(START);
        let broker = MemoryBroker::with(retention, usize::MAX, clock.clone());
        let (store, shared) = (MemoryStore::with_clock(clock.clone()), Arc::new(clock.clone()));
        let replay = set(Replay::new(broker.clone()).clock(shared));
        let app = Router::new().route("/news", get(news)).with_state((replay, limiter.clone()));
        let rig = Rig::on(store, clock, 1_000, |_| app).await;
        Self { rig, broker, limiter }
    }

    async fn new() -> Self {
        Self::with(Retention::default(), |replay| replay).await
    }

    async fn publish(&self, payload: impl Into<bytes::Bytes>) {
        self.broker.publish(Publish::new(channel(), payload)).await.unwrap();
    }

    async fn open(&self, headers: &[(&str, &str)]) -> Events {
        let mut stream = events(self.rig.address, "/news", headers).await;
        assert_eq!((stream.status, &*stream.event().await), (200, "retry: 2000"));
        stream
    }
}

fn channel() -> Channel {
    Channel::new("news").unwrap()
}

async fn news(State((replay, limiter)): State<(Replay, Limiter)>, resume: Resume) -> Response {
    let permit: Permit = limiter.admit(None).unwrap();
    let until = START + Duration::from_secs(1_000);
    replay.response(&channel(), resume, Some(until), permit).await
}

/// An event's id and data.
async fn next_event(stream: &mut Events) -> (String, String) {
    let event = stream.event().await;
    let (id, data) = event.split_once('\n').unwrap();
    (id.strip_prefix("id: ").unwrap().to_owned(), data.strip_prefix("data: ").unwrap().to_owned())
}

#[tokio::test]
async fn the_latest_event_is_sent_first_and_then_each_new_one() {
    let stage = Stage::new().await;
    stage.publish("a").await;
    stage.publish("b").await;
    let mut stream = stage.open(&[]).await;
    assert_eq!(next_event(&mut stream).await.1, "b");
    stage.publish("c").await;
    assert_eq!(next_event(&mut stream).await.1, "c");
}

#[tokio::test]
async fn all_stored_events_are_sent_first_if_configured() {
    let stage = Stage::with(Retention::default().count(3), |replay| replay.begin(Begin::Everything)).await;
    for payload in ["a", "b", "c", "d"] {
        stage.publish(payload).await;
    }
    let mut stream = stage.open(&[]).await;
    let (first, _) = next_event(&mut stream).await;
    assert_eq!((next_event(&mut stream).await.1, next_event(&mut stream).await.1), ("c".into(), "d".into()));
    for payload in ["e", "f", "g"] {
        stage.publish(payload).await;
    }
    // Trimmed events are reported, and then the rest comes.
    let mut stream = stage.open(&[("last-event-id", &first)]).await;
    assert_eq!(stream.event().await, "event: missed\ndata: \"trimmed\"");
    for payload in ["e", "f", "g"] {
        assert_eq!(next_event(&mut stream).await.1, payload);
    }
}

#[tokio::test]
async fn a_viewer_resumes_after_the_last_event_that_it_saw() {
    let stage = Stage::new().await;
    stage.publish("a").await;
    let (id, _) = next_event(&mut stage.open(&[]).await).await;
    stage.publish("b").await;
    stage.publish("c").await;
    let mut stream = stage.open(&[("last-event-id", &id)]).await;
    assert_eq!((next_event(&mut stream).await.1, next_event(&mut stream).await.1), ("b".into(), "c".into()));
}

#[tokio::test]
async fn after_a_lost_history_the_latest_event_is_sent() {
    let stage = Stage::new().await;
    stage.publish("a").await;
    let mut open = stage.open(&[]).await;
    let (id, _) = next_event(&mut open).await;
    stage.broker.remove(&channel()).await.unwrap();
    stage.publish("b").await;
    let (other, data) = next_event(&mut open).await;
    assert_eq!(data, "b");
    assert_ne!(id.split_once('-').unwrap().0, other.split_once('-').unwrap().0);
    let mut resumed = stage.open(&[("last-event-id", &id)]).await;
    assert_eq!(next_event(&mut resumed).await, (other, data));
}

#[tokio::test]
async fn a_channel_that_has_ended_ends_its_streams_and_its_resumes() {
    let stage = Stage::with(Retention::default(), |replay| {
        replay.retry(Duration::from_secs(2), Duration::from_mins(1))
    })
    .await;
    let mut stream = stage.open(&[]).await;
    stage.broker.publish(Publish::new(channel(), "end").last()).await.unwrap();
    let (id, _) = next_event(&mut stream).await;
    assert_eq!((stream.event().await.as_str(), stream.next().await), ("retry: 60000", None));
    let resumed: Reply = send(stage.rig.address, "GET", "/news", &[("last-event-id", &id)], "").await;
    assert_eq!(resumed.status_and_text(), (204, ""));
    let mut late = stage.open(&[]).await;
    assert_eq!(next_event(&mut late).await, (id, "end".into()));
    assert_eq!((late.event().await.as_str(), late.next().await), ("retry: 60000", None));
}

#[tokio::test]
async fn pings_may_be_events_with_a_name_and_come_on_time() {
    let stage = Stage::with(Retention::default(), |replay| {
        replay.ping(Ping::Event("ping"), Duration::from_secs(7)).event_name("news")
    })
    .await;
    let mut stream = stage.open(&[]).await;
    for _ in 0..3 {
        stage.rig.advance(7).await;
        assert_eq!(stream.event().await, "event: ping\ndata: {}");
    }
    stage.publish("a").await;
    assert!(stream.event().await.starts_with("event: news\nid: "));
}

#[tokio::test]
async fn a_stream_ends_at_its_time_limit_and_drops_what_it_held() {
    let stage = Stage::with(Retention::default(), |replay| replay.ends_after(Duration::from_secs(20))).await;
    let mut stream = stage.open(&[]).await;
    assert_eq!(stage.limiter.open(), 1);
    stage.rig.advance(15).await;
    assert_eq!(stream.event().await, ": ping");
    stage.rig.advance(5).await;
    assert_eq!(stream.next().await, None);
    assert_eq!(stage.limiter.open(), 0);
}

#[tokio::test]
async fn a_stream_ends_at_the_given_time() {
    let stage =
        Stage::with(Retention::default(), |replay| replay.ping(Ping::Comment, Duration::from_mins(30))).await;
    let mut stream = stage.open(&[]).await;
    stage.rig.advance(999).await;
    stage.publish("a").await;
    assert_eq!(next_event(&mut stream).await.1, "a");
    stage.rig.advance(1).await;
    assert_eq!(stream.next().await, None);
}

/// Publishes 30 MB while a reader has stopped, then lets it read again; returns the bytes it gets.
async fn stopped(stage: &Stage) -> Vec<u8> {
    let mut stalled = TcpStream::connect(stage.rig.address).await.unwrap();
    stalled.write_all(b"GET /news HTTP/1.1\r\nhost: test\r\n\r\n").await.unwrap();
    let mut reader = stage.open(&[]).await;
    while stage.limiter.open() < 2 {
        tokio::task::yield_now().await;
    }
    for n in 0..150 {
        stage.publish(format!("{n} {}", "x".repeat(200_000))).await;
        let (_, data) = next_event(&mut reader).await;
        assert!(data.starts_with(&format!("{n} ")), "the reader misses nothing");
    }
    stage.broker.publish(Publish::new(channel(), "end").last()).await.unwrap();
    let mut got = Vec::new();
    let mut chunk = vec![0; 65_536];
    // The body ends with an empty chunk.
    while !got.ends_with(b"\r\n0\r\n\r\n") {
        let n = soon(stalled.read(&mut chunk)).await.unwrap();
        assert_ne!(n, 0, "the connection is open");
        got.extend_from_slice(&chunk[..n]);
        assert!(got.len() < 8_000_000, "events were queued for a reader that did not read");
    }
    got
}

#[tokio::test]
async fn a_reader_that_stops_skips_to_the_latest_event_and_does_not_delay_others() {
    let stage = Stage::with(Retention::default().bytes(4_000_000), |replay| replay).await;
    let got = stopped(&stage).await;
    assert!(got.windows(9).any(|part| part == b"data: end"), "the latest comes");
}
