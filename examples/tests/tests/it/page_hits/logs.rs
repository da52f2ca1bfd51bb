//! What is logged of an outage.

use super::{Shared, body};
use clap::Parser;
use page_hits::{Settings, open};
use parking_lot::Mutex;
use std::io::{self, Write};
use std::sync::Arc;
use tracing::subscriber::DefaultGuard;
use tracing_subscriber::fmt::MakeWriter;

#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl Log {
    /// Gathers what is logged on this thread, on which a test has all its tasks.
    fn gather(&self) -> DefaultGuard {
        let subscriber = tracing_subscriber::fmt().with_ansi(false).with_writer(self.clone());
        tracing::subscriber::set_default(subscriber.finish())
    }

    fn text(&self) -> String {
        String::from_utf8(self.0.lock().clone()).unwrap()
    }

    /// The lines with this tag, from the tag on.
    fn tagged(&self, tag: &str) -> Vec<String> {
        let text = self.text();
        text.lines().filter_map(|line| line.find(tag).map(|at| line[at..].to_owned())).collect()
    }
}

impl Write for Log {
    fn write(&mut self, text: &[u8]) -> io::Result<usize> {
        self.0.lock().write(text)
    }
    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl MakeWriter<'_> for Log {
    type Writer = Self;
    fn make_writer(&self) -> Self {
        self.clone()
    }
}

#[tokio::test]
async fn an_outage_is_logged_with_the_tag_of_its_answers_every_ten_seconds() {
    let log = Log::default();
    let _gathers = log.gather();
    let shared = Shared::new();
    let rig = shared.process().await;
    shared.store.faults().go_down();
    let line = |hits| format!("[HIT_ERR_UNAVAILABLE] hits are not stored hits={hits}");
    for _ in 0..50 {
        assert_eq!(rig.hit(body("a", "/", "load")).await.status, 202);
    }
    assert_eq!(log.tagged("[HIT_ERR_"), [line(1)]);
    rig.advance(10).await;
    rig.hit(body("a", "/", "load")).await;
    assert_eq!(log.tagged("[HIT_ERR_"), [line(1), line(50)]);
}

#[tokio::test]
async fn neither_address_nor_password_is_logged() {
    let log = Log::default();
    let _gathers = log.gather();
    let flags = ["page-hits", "--redis-url=redis://:hush@127.0.0.1:1/0"];
    let settings = Settings::try_parse_from(flags).unwrap();
    let (presence, probe) = open(&settings.redis, settings.ttl()).unwrap();
    assert!(probe.answers().await.is_err());
    presence.shutdown().await;
    let text = log.text();
    assert!(text.contains("the store does not answer"), "{text}");
    assert!(!text.contains("hush") && !text.contains("127.0.0.1"), "{text}");
}
