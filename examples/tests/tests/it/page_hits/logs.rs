//! The log of an outage.

use super::{Shared, body};
use crate::log::Log;
use clap::Parser;
use page_hits::{Settings, open};
use tracing::level_filters::LevelFilter;

/// The lines with this tag, from the tag on.
fn tagged(log: &Log, tag: &str) -> Vec<String> {
    let text = log.text();
    text.lines().filter_map(|line| line.find(tag).map(|at| line[at..].to_owned())).collect()
}

#[tokio::test]
async fn an_outage_is_logged_with_the_tag_of_its_answers_every_ten_seconds() {
    let (log, _gathers) = Log::up_to(LevelFilter::INFO);
    let shared = Shared::new();
    let rig = shared.process().await;
    shared.store.faults().go_down();
    let line = |hits| format!("[HIT_ERR_UNAVAILABLE] hits are not stored hits={hits}");
    for _ in 0..50 {
        assert_eq!(rig.hit(body("a", "/", "load")).await.status, 202);
    }
    assert_eq!(tagged(&log, "[HIT_ERR_"), [line(1)]);
    rig.advance(10).await;
    rig.hit(body("a", "/", "load")).await;
    assert_eq!(tagged(&log, "[HIT_ERR_"), [line(1), line(50)]);
}

#[tokio::test]
async fn neither_address_nor_password_is_logged() {
    let (log, _gathers) = Log::up_to(LevelFilter::INFO);
    let flags = ["page-hits", "--redis-url=redis://:hush@127.0.0.1:1/0"];
    let settings = Settings::try_parse_from(flags).unwrap();
    let (presence, probe) = open(&settings.redis, settings.ttl()).unwrap();
    assert!(probe.answers().await.is_err());
    presence.shutdown().await;
    let text = log.text();
    assert!(text.contains("the store does not answer"), "{text}");
    assert!(!text.contains("hush") && !text.contains("127.0.0.1"), "{text}");
}
