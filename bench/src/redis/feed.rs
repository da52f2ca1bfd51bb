//! What it costs to tell others.

use super::server::Server;
use super::{Rig, runtime};
use crate::report::{self, Target};
use crate::{Outcome, cpu};
use futures_util::StreamExt;
use presence_core::PresenceStore;
use presence_core::store::Feed;
use presence_redis::RedisStore;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;
use tokio::sync::oneshot;

/// How far watchers may lag behind before the writer waits for them.
const LAG: u64 = 100_000;
const BATCH: usize = 256;

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
pub struct Counts {
    synced: AtomicU64,
    touched: AtomicU64,
    ended: AtomicU64,
    /// Nanoseconds of their thread.
    cpu: AtomicU64,
}

impl Watchers {
    pub fn start(server: &Server, count: usize) -> Outcome<Self> {
        let stores = (0..count).map(|_| server.store()).collect::<Outcome<Vec<_>>>()?;
        let wanted = stores.iter().map(|store| u64::from(store.shards())).sum();
        let counts = Arc::new(Counts::default());
        let (stop, stopped) = oneshot::channel();
        let runtime = runtime()?;
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

    fn touched(&self) -> u64 {
        self.counts.touched.load(Ordering::Relaxed)
    }

    fn cpu(&self) -> u64 {
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

async fn watch(store: RedisStore, counts: Arc<Counts>) {
    let mut feed = store.watch();
    while let Some(told) = feed.next().await {
        match told {
            Feed::Synced { .. } => _ = counts.synced.fetch_add(1, Ordering::Relaxed),
            Feed::Touched(touches) => _ = counts.touched.fetch_add(touches.len() as u64, Ordering::Relaxed),
            _ => {}
        }
        counts.cpu.store(cpu::thread(), Ordering::Relaxed);
    }
    counts.ended.fetch_add(1, Ordering::Relaxed);
}

pub fn run(rig: &Rig<'_>) -> Outcome {
    report::section(&format!(
        "touch, {BATCH} at a time, and others who watch; the limit is that nobody does"
    ));
    let beats = if rig.options.quick { 100_000 } else { 400_000 };
    let mut nobody = Vec::new();
    for _ in 0..rig.options.rounds {
        nobody.push(told(rig, beats, None)?[1]);
    }
    let nobody = cpu::median(nobody);
    for count in [1, 8] {
        let watchers = Watchers::start(rig.server, count)?;
        watchers.synced()?;
        let mut rounds: [Vec<f64>; 3] = Default::default();
        for _ in 0..rig.options.rounds {
            let figures = told(rig, beats, Some((&watchers, count as u64)))?;
            rounds.iter_mut().zip(figures).for_each(|(round, figure)| round.push(figure));
        }
        let [rate, server, client] = rounds.map(cpu::median);
        let what = |what: &str| format!("{count} watching, {what}");
        report::alone(&what("entries told"), rate / 1e3, "k/s", &Target::None);
        report::beside(
            &what("CPU of the server for a beat"),
            (server, nobody),
            "us",
            server / nobody,
            &Target::None,
        );
        report::alone(
            &what("CPU of the server for each telling"),
            (server - nobody) / count as f64,
            "us",
            &Target::None,
        );
        report::alone(&what("CPU of a watcher for each"), client, "us", &Target::None);
        report::alone(
            &what("feeds that were cut off"),
            watchers.ended() as f64,
            "",
            &Target::ValueAtMost(0.0),
        );
    }
    Ok(())
}

/// Entries told per second, and microseconds for each: of the server for a beat, of a watcher for what it is told.
fn told(rig: &Rig<'_>, beats: u64, watchers: Option<(&Watchers, u64)>) -> Outcome<[f64; 3]> {
    let store = rig.server.store()?;
    let touched = || watchers.map_or(0, |(watchers, _)| watchers.touched());
    let count = watchers.map_or(0, |(_, count)| count);
    let (from, spent) = (touched(), watchers.map_or(0, |(watchers, _)| watchers.cpu()));
    let (server, start) = (rig.server.cpu()?, cpu::wall());
    let written = runtime()?.block_on(async {
        let mut written = 0;
        while written < beats {
            let batches = [rig.people.touches(BATCH), rig.people.touches(BATCH)];
            let (one, other) = tokio::join!(store.touch(&batches[0]), store.touch(&batches[1]));
            one?;
            other?;
            written += 2 * BATCH as u64;
            while written * count > touched() - from + LAG * count {
                tokio::time::sleep(Duration::from_micros(200)).await;
            }
        }
        Outcome::Ok(written)
    })?;
    let ends_at = cpu::wall() + 10_000_000_000;
    while touched() - from < written * count {
        if cpu::wall() > ends_at {
            return Err(format!("{} of {} entries were told", touched() - from, written * count).into());
        }
        std::thread::sleep(Duration::from_micros(200));
    }
    let seconds = (cpu::wall() - start) as f64 / 1e9;
    let told = (written * count) as f64;
    let client = watchers.map_or(0, |(watchers, _)| watchers.cpu()) - spent;
    let server = rig.server.cpu()? - server;
    Ok([told / seconds, server as f64 / written as f64 / 1e3, client as f64 / told / 1e3])
}
