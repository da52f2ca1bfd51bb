//! Renewals, in batches like those of the core.

use super::Rig;
use crate::report::{self, Target};
use crate::sessions::People;
use crate::{Outcome, cpu};
use presence_core::PresenceStore;
use presence_nats::NatsStore;

/// The number of other watchers.
pub const WATCHING: usize = 4;
/// The number of batches in flight, as in `Coalesce`; more would be joined into larger ones.
const IN_FLIGHT: usize = 2;

pub fn run(rig: &Rig<'_>) -> Outcome {
    report::section(
        "touch by a watching process, with 4 other watchers; the limit is a plain put with a TTL and 4 watchers",
    );
    let store = rig.process()?;
    let others = rig.watchers(WATCHING)?;
    for size in [16, 64, 256, 512] {
        let target = if size < 256 { Target::None } else { Target::AtMost(0.05) };
        measure(rig, store, size, &target)?;
    }
    let cut_off = others.ended() as f64;
    report::alone("feeds that were cut off", cut_off, "", &Target::ValueAtMost(0.0));
    Ok(())
}

fn measure(rig: &Rig<'_>, store: &NatsStore, size: usize, target: &Target) -> Outcome {
    let puts = if rig.options.quick { 10_000 } else { 30_000 };
    let mut rounds: [Vec<f64>; 5] = Default::default();
    for _ in 0..rig.options.rounds {
        let before = rig.server.cpu();
        rig.runtime.block_on(rig.raw.put(puts))?;
        let limit = (rig.server.cpu() - before) / puts as f64 / 1e3;
        let (server, own, start) = (rig.server.cpu(), cpu::thread(), cpu::wall());
        // Longer, because the server's time has steps of 10 ms.
        let written = rig.runtime.block_on(write(store, &rig.people, size, 2 * rig.millis()))? as f64;
        let seconds = (cpu::wall() - start) as f64 / 1e9;
        let server = (rig.server.cpu() - server) / written / 1e3;
        let own = (cpu::thread() - own) as f64 / written / 1e3;
        let figures = [written / seconds, server, limit, server / limit, own];
        rounds.iter_mut().zip(figures).for_each(|(round, figure)| round.push(figure));
    }
    let [rate, server, limit, ratio, own] = rounds.map(cpu::median);
    let what = |what: &str| format!("{size} at a time{what}");
    report::alone(&what(""), rate / 1e3, "k/s", &Target::None);
    report::beside(&what(", CPU of the server for each"), (server, limit), "us", ratio, target);
    report::alone(&what(", CPU of the client for each"), own, "us", &Target::None);
    Ok(())
}

/// Writes batches for this long. Returns the number of entries.
async fn write(store: &NatsStore, people: &People, size: usize, millis: u64) -> Outcome<usize> {
    let ends_at = cpu::wall() + millis * 1_000_000;
    let write = async || {
        let mut written = 0;
        while cpu::wall() < ends_at {
            if !store.touch(&people.touches(size)).await?.is_empty() {
                return Err("a session that is there was missed".into());
            }
            written += size;
        }
        Outcome::Ok(written)
    };
    let written: [Outcome<usize>; IN_FLIGHT] = tokio::join!(write(), write()).into();
    written.into_iter().sum()
}
