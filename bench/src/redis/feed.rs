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
/// How many handles watch.
const WATCHING: [usize; 3] = [0, 1, 8];

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
    let mut rounds: [[Vec<f64>; 3]; 3] = Default::default();
    let mut ended = [0; 3];
    for _ in 0..rig.options.rounds {
        for (at, count) in WATCHING.into_iter().enumerate() {
            let watchers = Watchers::start(rig.server, count)?;
            watchers.synced()?;
            let figures = told(rig, &watchers, count as u64)?;
            rounds[at].iter_mut().zip(figures).for_each(|(round, figure)| round.push(figure));
            ended[at] += watchers.ended();
        }
    }
    let [[_, nobody, _], others @ ..] = rounds.map(|figures| figures.map(cpu::median));
    for (at, [rate, server, client]) in others.into_iter().enumerate() {
        let count = WATCHING[at + 1];
        let what = |what: &str| format!("{count} watching, {what}");
        let ratio = server / nobody;
        report::alone(&what("entries told"), rate / 1e3, "k/s", &Target::None);
        report::beside(&what("CPU of the server for a beat"), (server, nobody), "us", ratio, &Target::None);
        report::alone(&what("CPU of a watcher for each entry"), client, "us", &Target::None);
        let cut_off = ended[at + 1] as f64;
        report::alone(&what("feeds that were cut off"), cut_off, "", &Target::ValueAtMost(0.0));
    }
    Ok(())
}

/// Entries told per second, and microseconds for each: of the server for a beat, of a watcher for what it is told.
fn told(rig: &Rig<'_>, watchers: &Watchers, count: u64) -> Outcome<[f64; 3]> {
    let beats = if rig.options.quick { 100_000 } else { 400_000 };
    let (from, spent) = (watchers.touched(), watchers.cpu());
    let touched = || watchers.touched() - from;
    let (server, start) = (rig.server.cpu()?, cpu::wall());
    let store = rig.server.store()?;
    let written = AtomicU64::new(0);
    let write = async || {
        while written.fetch_add(BATCH as u64, Ordering::Relaxed) < beats {
            store.touch(&rig.people.touches(BATCH)).await?;
            while written.load(Ordering::Relaxed) * count > touched() + LAG * count {
                tokio::time::sleep(Duration::from_micros(200)).await;
            }
        }
        // What was taken and not written.
        written.fetch_sub(BATCH as u64, Ordering::Relaxed);
        Outcome::Ok(())
    };
    runtime()?.block_on(async { tokio::try_join!(write(), write()) })?;
    let written = written.into_inner();
    let ends_at = cpu::wall() + 10_000_000_000;
    while touched() < written * count {
        if cpu::wall() > ends_at {
            return Err(format!("{} of {} entries were told", touched(), written * count).into());
        }
        std::thread::sleep(Duration::from_micros(200));
    }
    let seconds = (cpu::wall() - start) as f64 / 1e9;
    let told = (written * count) as f64;
    let (server, client) = (rig.server.cpu()? - server, watchers.cpu() - spent);
    Ok([told / seconds, server as f64 / written as f64 / 1e3, client as f64 / told / 1e3])
}
