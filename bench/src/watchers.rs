//! Handles like those of other processes, and what they receive.

use crate::{Outcome, cpu};
use futures_util::StreamExt;
use presence_core::PresenceStore;
use presence_core::store::FeedEvent;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;
use tokio::sync::oneshot;

/// Watching handles on a thread of their own.
pub struct Watchers {
    counts: Arc<Counts>,
    wanted: u64,
    /// Stops them when it is dropped.
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

/// What they have received.
#[derive(Default)]
struct Counts {
    synced: AtomicU64,
    touched: AtomicU64,
    facts: AtomicU64,
    ended: AtomicU64,
    /// Nanoseconds of processor time of their thread.
    cpu: AtomicU64,
}

impl Watchers {
    /// `count` watchers, each on a handle from `open`.
    pub fn start<S: PresenceStore>(open: impl Fn() -> Outcome<S>, count: usize) -> Outcome<Self> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let entered = runtime.enter();
        let stores = (0..count).map(|_| open()).collect::<Outcome<Vec<_>>>()?;
        drop(entered);
        let wanted = stores.iter().map(|store| u64::from(store.shards())).sum();
        let counts = Arc::new(Counts::default());
        let (stop, stopped) = oneshot::channel();
        let shared = Arc::clone(&counts);
        let thread = std::thread::spawn(move || {
            runtime.block_on(async {
                for store in stores {
                    tokio::spawn(watch(store, Arc::clone(&shared)));
                }
                let _ = stopped.await;
            });
        });
        Ok(Self { counts, wanted, stop: Some(stop), thread: Some(thread) })
    }

    /// Waits until the watch of each is complete.
    pub fn synced(&self) -> Outcome {
        let ends_at = cpu::wall() + 300_000_000_000;
        while !self.is_synced()? {
            if cpu::wall() > ends_at {
                return Err("a watch takes too long".into());
            }
            std::thread::sleep(Duration::from_micros(200));
        }
        Ok(())
    }

    /// Whether the watch of each is complete.
    pub fn is_synced(&self) -> Outcome<bool> {
        if self.ended() > 0 {
            return Err("a watch ended before it was complete".into());
        }
        Ok(self.counts.synced.load(Ordering::Relaxed) >= self.wanted)
    }

    /// The number of feeds that ended.
    pub fn ended(&self) -> u64 {
        self.counts.ended.load(Ordering::Relaxed)
    }

    /// The number of renewals that they received, all together.
    pub fn touched(&self) -> u64 {
        self.counts.touched.load(Ordering::Relaxed)
    }

    /// The number of sessions that they received, all together.
    pub fn facts(&self) -> u64 {
        self.counts.facts.load(Ordering::Relaxed)
    }

    /// Nanoseconds of processor time of their thread.
    pub fn cpu(&self) -> u64 {
        self.counts.cpu.load(Ordering::Relaxed)
    }
}

impl Drop for Watchers {
    fn drop(&mut self) {
        self.stop = None;
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

async fn watch(store: impl PresenceStore, counts: Arc<Counts>) {
    let mut feed = store.watch();
    while let Some(event) = feed.next().await {
        match event {
            FeedEvent::Synced { .. } => _ = counts.synced.fetch_add(1, Ordering::Relaxed),
            FeedEvent::Touched(touches) => {
                _ = counts.touched.fetch_add(touches.len() as u64, Ordering::Relaxed);
            }
            FeedEvent::Facts(facts) => {
                _ = counts.facts.fetch_add(facts.sessions.len() as u64, Ordering::Relaxed);
            }
            _ => {}
        }
        counts.cpu.store(cpu::thread(), Ordering::Relaxed);
    }
    counts.ended.fetch_add(1, Ordering::Relaxed);
}
