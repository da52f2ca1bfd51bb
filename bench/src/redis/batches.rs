//! Batches like those of the core.

use super::{Rig, runtime};
use crate::report::{self, Target};
use crate::sessions::People;
use crate::{Outcome, cpu};
use presence_core::PresenceStore;
use presence_redis::RedisStore;

/// The number of batches in flight, as in `Coalesce`; more would be joined into larger ones.
const IN_FLIGHT: usize = 2;

/// The operation that is measured.
#[derive(Clone, Copy)]
enum Verb {
    Touch,
    Put,
}

pub fn run(rig: &Rig<'_>) -> Outcome {
    let limit = "the limit is SET, 64 in a pipeline on 8 connections, thousands a second";
    for (handles, sizes) in [(1, &[16, 64, 256, 1_000][..]), (4, &[16, 64, 256])] {
        report::section(&format!(
            "touch, handles: {handles}, with {IN_FLIGHT} batches in flight each; {limit}"
        ));
        for &size in sizes {
            let target = match size {
                16 => Target::AtLeast(0.4),
                256.. => Target::AtLeast(0.7),
                _ => Target::None,
            };
            let cpu_target = if size < 64 { Target::None } else { Target::ValueAtMost(1.5) };
            measure(rig, Verb::Touch, handles, size, &[target, cpu_target])?;
        }
    }
    report::section(&format!("put, handles: 1, with {IN_FLIGHT} batches in flight; {limit}"));
    for size in [1, 16, 256] {
        measure(rig, Verb::Put, 1, size, &[Target::None, Target::None])?;
    }
    Ok(())
}

fn measure(rig: &Rig<'_>, verb: Verb, handles: usize, size: usize, targets: &[Target; 2]) -> Outcome {
    let runtime = runtime()?;
    let stores = (0..handles).map(|_| rig.server.store()).collect::<Outcome<Vec<_>>>()?;
    // Opens the connections.
    runtime.block_on(write(&stores, &rig.people, verb, size, 20))?;
    let mut rounds: [Vec<f64>; 8] = Default::default();
    for _ in 0..rig.options.rounds {
        let (quick, set) = (rig.options.quick, rig.server.cpu()?);
        let before = rig.raw.pipelined(quick)?;
        let set = (rig.server.cpu()? - set) as f64 / before.count as f64 / 1e3;
        let (server, own, wall) = (rig.server.cpu()?, cpu::thread(), cpu::wall());
        let written = runtime.block_on(write(&stores, &rig.people, verb, size, rig.millis()))? as f64;
        let seconds = (cpu::wall() - wall) as f64 / 1e9;
        let server = (rig.server.cpu()? - server) as f64 / written / 1e3;
        let client = (cpu::thread() - own) as f64 / written / 1e3;
        let limit = f64::midpoint(before.per_second, rig.raw.pipelined(quick)?.per_second);
        let spread = rig.raw.spread(quick, rig.people.len())?.map_or(f64::NAN, |sets| sets.per_second);
        let ours = written / seconds;
        let figures = [ours, limit, ours / limit, spread, ours / spread, server, set, client];
        rounds.iter_mut().zip(figures).for_each(|(round, figure)| round.push(figure));
    }
    let [ours, limit, ratio, spread, spread_ratio, server, set, client] = rounds.map(cpu::median);
    let (ours, limit, spread) = (ours / 1e3, limit / 1e3, spread / 1e3);
    let what = |what: &str| format!("{size} at a time{what}");
    report::beside(&what(""), (ours, limit), "k/s", ratio, &targets[0]);
    if spread.is_finite() {
        report::beside(
            &what("; the limit on as many keys"),
            (ours, spread),
            "k/s",
            spread_ratio,
            &Target::None,
        );
    }
    report::beside(&what(", CPU of the server for each"), (server, set), "us", server / set, &targets[1]);
    report::alone(&what(", CPU of the client for each"), client, "us", &Target::None);
    Ok(())
}

/// Writes batches for this long. Returns the number of entries.
async fn write(
    stores: &[RedisStore],
    people: &People,
    verb: Verb,
    size: usize,
    millis: u64,
) -> Outcome<usize> {
    let ends_at = cpu::wall() + millis * 1_000_000;
    let tasks: Vec<_> = stores
        .iter()
        .flat_map(|store| (0..IN_FLIGHT).map(|_| (store.clone(), people.clone())))
        .map(|(store, people)| {
            tokio::spawn(async move {
                let mut written = 0;
                while cpu::wall() < ends_at {
                    match verb {
                        Verb::Touch => _ = store.touch(&people.touches(size)).await?,
                        Verb::Put => store.put(&people.puts(size)).await?,
                    }
                    written += size;
                }
                Ok::<_, presence_core::store::Error>(written)
            })
        })
        .collect();
    let mut written = 0;
    for task in tasks {
        written += task.await??;
    }
    Ok(written)
}
