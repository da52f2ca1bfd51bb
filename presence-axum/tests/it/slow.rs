//! A viewer that does not read.

use crate::client::soon;
use crate::rig::Rig;
use axum::Router;
use axum::routing::get;
use bytes::Bytes;
use presence_axum::limits::{Limiter, Permit};
use presence_axum::{Limits, sse};
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

const FRAME: usize = 300_000;
const TICKS: u64 = 100;

/// Frames of 300 kB, each of which starts with the second of its tick.
fn large() -> impl FnOnce(presence_core::Presence) -> Router {
    move |presence| {
        let ticker = sse::Ticker::new(&presence, Duration::from_secs(1), |presence| {
            let mut frame = format!("data: {} ", presence.now().as_secs()).into_bytes();
            frame.resize(FRAME - 2, b'x');
            frame.extend_from_slice(b"\n\n");
            Bytes::from(frame)
        });
        let handler = move |permit: Permit| async move { ticker.response(permit) };
        Router::new().route("/large", get(handler)).with_state(Limiter::new(Limits::default()))
    }
}

fn second(event: &str) -> u64 {
    event.strip_prefix("data: ").unwrap().split(' ').next().unwrap().parse().unwrap()
}

#[tokio::test]
async fn a_viewer_that_does_not_read_skips_frames_and_does_not_delay_others() {
    let rig = Rig::serving(large()).await;
    let mut stalled = TcpStream::connect(rig.address).await.unwrap();
    stalled.write_all(b"GET /large HTTP/1.1\r\nhost: test\r\n\r\n").await.unwrap();

    let mut reader = rig.events("/large").await;
    let start = second(&reader.event().await);
    for tick in 1..=TICKS {
        rig.advance(1).await;
        assert_eq!(second(&reader.event().await), start + tick, "the reader misses nothing");
    }

    // What was kept for the stalled one is what it gets when it reads after all: little of 30 MB,
    // and then the newest.
    let mut got = Vec::new();
    let mut chunk = vec![0; 65_536];
    let newest = format!("data: {} ", start + TICKS).into_bytes();
    while !got.windows(newest.len()).any(|part| part == newest) {
        let n = soon(stalled.read(&mut chunk)).await.unwrap();
        assert_ne!(n, 0, "the connection is open");
        got.extend_from_slice(&chunk[..n]);
        assert!(got.len() < FRAME * 40, "frames were queued for a reader that did not read");
    }
}
