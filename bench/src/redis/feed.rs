//! The cost of watching.

use super::{Rig, runtime};
use crate::report::{self, Target};
use crate::watchers::Watchers;
use crate::{Outcome, cpu};
use presence_core::PresenceStore;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// How far watchers may fall behind before the writer waits for them.
const LAG: u64 = 100_000;
const BATCH: usize = 256;
/// The number of watching handles.
const WATCHING: [usize; 3] = [0, 1, 8];

pub fn run(rig: &Rig<'_>) -> Outcome {
    report::section(&format!("touch, {BATCH} at a time, and other watchers; the limit is without watchers"));
    let mut rounds: [[Vec<f64>; 3]; 3] = Default::default();
    let mut ended = [0; 3];
    for _ in 0..rig.options.rounds {
        for (at, count) in WATCHING.into_iter().enumerate() {
            let watchers = Watchers::start(|| rig.server.store(), count)?;
            watchers.synced()?;
            let figures = measure_delivery(rig, &watchers, count as u64)?;
            rounds[at].iter_mut().zip(figures).for_each(|(round, figure)| round.push(figure));
            ended[at] += watchers.ended();
        }
    }
    let [[_, unwatched, _], others @ ..] = rounds.map(|figures| figures.map(cpu::median));
    for (at, [rate, server, client]) in others.into_iter().enumerate() {
        let count = WATCHING[at + 1];
        let what = |what: &str| format!("{count} watching, {what}");
        let ratio = server / unwatched;
        report::alone(&what("entries delivered"), rate / 1e3, "k/s", &Target::None);
        report::beside(
            &what("CPU of the server for a beat"),
            (server, unwatched),
            "us",
            ratio,
            &Target::None,
        );
        report::alone(&what("CPU of a watcher for each entry"), client, "us", &Target::None);
        let cut_off = ended[at + 1] as f64;
        report::alone(&what("feeds that were cut off"), cut_off, "", &Target::ValueAtMost(0.0));
    }
    Ok(())
}

/// Entries per second, and microseconds for each: of the server for a beat, of a watcher
/// for an event.
fn measure_delivery(rig: &Rig<'_>, watchers: &Watchers, count: u64) -> Outcome<[f64; 3]> {
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
        // Entries that were taken from the list but not written.
        written.fetch_sub(BATCH as u64, Ordering::Relaxed);
        Outcome::Ok(())
    };
    runtime()?.block_on(async { tokio::try_join!(write(), write()) })?;
    let written = written.into_inner();
    let ends_at = cpu::wall() + 10_000_000_000;
    while touched() < written * count {
        if cpu::wall() > ends_at {
            return Err(format!("{} of {} entries were delivered", touched(), written * count).into());
        }
        std::thread::sleep(Duration::from_micros(200));
    }
    let seconds = (cpu::wall() - start) as f64 / 1e9;
    let delivered = (written * count) as f64;
    let (server, client) = (rig.server.cpu()? - server, watchers.cpu() - spent);
    Ok([delivered / seconds, server as f64 / written as f64 / 1e3, client as f64 / delivered / 1e3])
}
