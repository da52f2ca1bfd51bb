//! Other processes' worth of handles, and what they are told.

use crate::{Outcome, cpu};
use futures_util::StreamExt;
use presence_core::PresenceStore;
use presence_core::store::FeedEvent;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;
use tokio::sync::oneshot;

/// Handles that watch, on a thread of their own.
pub struct Watchers {
    counts: Arc<Counts>,
    wanted: u64,
    /// Dropped, it stops them.
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

/// What they have been told.
#[derive(Default)]
struct Counts {
    synced: AtomicU64,
    touched: AtomicU64,
    facts: AtomicU64,
    ended: AtomicU64,
    /// Nanoseconds of their thread.
    cpu: AtomicU64,
}

impl Watchers {
    /// As many as `count`, each on a handle that `open` opens.
    pub fn start<S: PresenceStore>(open: impl Fn() -> Outcome<S>, count: usize) -> Outcome<Self> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let entered = runtime.enter();
        let stores = (0..count).map(|_| open()).collect::<Outcome<Vec<_>>>()?;
        drop(entered);
        let wanted = stores.iter().map(|store| u64::from(store.shards())).sum();
        let counts = Arc::new(Counts::default());
        let (stop, stopped) = oneshot::channel();
        let told = Arc::clone(&counts);
        let thread = std::thread::spawn(move || {
            runtime.block_on(async {
                for store in stores {
                    tokio::spawn(watch(store, Arc::clone(&told)));
                }
                let _ = stopped.await;
            });
        });
        Ok(Self { counts, wanted, stop: Some(stop), thread: Some(thread) })
    }

    /// Waits until each of them has been told everything.
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

    /// Whether each of them has been told everything.
    pub fn is_synced(&self) -> Outcome<bool> {
        if self.ended() > 0 {
            return Err("a watch ended before it was told everything".into());
        }
        Ok(self.counts.synced.load(Ordering::Relaxed) >= self.wanted)
    }

    /// How many feeds were cut off.
    pub fn ended(&self) -> u64 {
        self.counts.ended.load(Ordering::Relaxed)
    }

    /// How many renewals they have been told of, all together.
    pub fn touched(&self) -> u64 {
        self.counts.touched.load(Ordering::Relaxed)
    }

    /// How many sessions they have been told, all together.
    pub fn facts(&self) -> u64 {
        self.counts.facts.load(Ordering::Relaxed)
    }

    /// Nanoseconds for which their thread had a processor.
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
    while let Some(told) = feed.next().await {
        match told {
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
