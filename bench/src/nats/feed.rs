//! The cost of watching.

use super::Rig;
use super::raw::Raw;
use crate::report::{self, Target};
use crate::watchers::Watchers;
use crate::{Outcome, cpu};
use presence_core::PresenceStore;
use presence_nats::NatsStore;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// How far watchers may fall behind before the writer waits for them.
const LAG: u64 = 20_000;
const BATCH: usize = 256;
/// The number of watching handles, in addition to the writing one.
const WATCHING: [usize; 3] = [0, 1, 8];

/// The operation that is measured.
#[derive(Clone, Copy, PartialEq)]
enum Verb {
    Touch,
    Put,
}

pub fn run(rig: &Rig<'_>) -> Outcome {
    let store = rig.process()?;
    for (verb, what) in [(Verb::Touch, "touch"), (Verb::Put, "put")] {
        report::section(&format!(
            "{what}, {BATCH} at a time, and other watchers; the limit is the writer alone"
        ));
        measure(rig, store, verb)?;
    }
    Ok(())
}

fn measure(rig: &Rig<'_>, store: &NatsStore, verb: Verb) -> Outcome {
    let mut rounds: [[Vec<f64>; 5]; 3] = Default::default();
    let mut ended = [0; 3];
    for _ in 0..rig.options.rounds {
        let raw = rig.runtime.block_on(rig.raw.published(Raw::messages(rig.options.quick)))?;
        for (at, count) in WATCHING.into_iter().enumerate() {
            let watchers = rig.watchers(count)?;
            let [rate, server, client] = measure_delivery(rig, store, verb, &watchers, count as u64)?;
            let figures = [rate, raw, rate / raw, server, client];
            rounds[at].iter_mut().zip(figures).for_each(|(round, figure)| round.push(figure));
            ended[at] += watchers.ended();
        }
    }
    let [[_, _, _, unwatched, _], others @ ..] = rounds.map(|figures| figures.map(cpu::median));
    for (at, [rate, raw, share, server, client]) in others.into_iter().enumerate() {
        let count = WATCHING[at + 1];
        let what = |what: &str| format!("{count} watching, {what}");
        let target = if verb == Verb::Put && count == 8 { Target::AtLeast(0.2) } else { Target::None };
        let rates = (rate / 1e3, raw / 1e3);
        report::beside(&what("entries delivered; core publish"), rates, "k/s", share, &target);
        let ratio = server / unwatched;
        report::beside(&what("CPU of the server for each"), (server, unwatched), "us", ratio, &Target::None);
        report::alone(&what("CPU of a watcher for each entry"), client, "us", &Target::None);
        let cut_off = ended[at + 1] as f64;
        report::alone(&what("feeds that were cut off"), cut_off, "", &Target::ValueAtMost(0.0));
    }
    Ok(())
}

/// Entries per second, and microseconds for each: of the server for the writes, of a watcher for
/// the events.
fn measure_delivery(
    rig: &Rig<'_>,
    store: &NatsStore,
    verb: Verb,
    watchers: &Watchers,
    count: u64,
) -> Outcome<[f64; 3]> {
    let wanted: u64 = match (verb, rig.options.quick) {
        (Verb::Touch, quick) => {
            if quick {
                100_000
            } else {
                400_000
            }
        }
        (Verb::Put, quick) => {
            if quick {
                10_000
            } else {
                40_000
            }
        }
    };
    let received = || if verb == Verb::Touch { watchers.touched() } else { watchers.facts() };
    let (from, spent) = (received(), watchers.cpu());
    let delivered = || received() - from;
    let (server, start) = (rig.server.cpu(), cpu::wall());
    let written = AtomicU64::new(0);
    let write = async || {
        while written.fetch_add(BATCH as u64, Ordering::Relaxed) < wanted {
            match verb {
                Verb::Touch => _ = store.touch(&rig.people.touches(BATCH)).await?,
                Verb::Put => store.put(&rig.people.puts(BATCH)).await?,
            }
            while written.load(Ordering::Relaxed) * count > delivered() + LAG * count {
                tokio::time::sleep(Duration::from_micros(200)).await;
            }
        }
        // Entries that were taken from the list but not written.
        written.fetch_sub(BATCH as u64, Ordering::Relaxed);
        Outcome::Ok(())
    };
    rig.runtime.block_on(async {
        tokio::try_join!(write(), write())?;
        let wanted = written.load(Ordering::Relaxed) * count;
        let ends_at = cpu::wall() + 20_000_000_000;
        while delivered() < wanted {
            if cpu::wall() > ends_at {
                return Err(format!("{} of {wanted} entries were delivered", delivered()).into());
            }
            tokio::time::sleep(Duration::from_micros(200)).await;
        }
        Outcome::Ok(())
    })?;
    let written = written.into_inner();
    let seconds = (cpu::wall() - start) as f64 / 1e9;
    let all = (written * count) as f64;
    let (server, client) = (rig.server.cpu() - server, (watchers.cpu() - spent) as f64);
    Ok([all / seconds, server / written as f64 / 1e3, client / all / 1e3])
}
