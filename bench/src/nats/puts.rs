//! State changes: callers that each put one session at a time, which the store joins into batches.

use super::Rig;
use super::raw::Raw;
use crate::report::{self, Target};
use crate::sessions::People;
use crate::{Outcome, cpu};
use presence_core::PresenceStore;
use presence_nats::NatsStore;

pub fn run(rig: &Rig<'_>) -> Outcome {
    report::section(
        "put, one session a call; the limit is core publish to one subscriber, no ack, thousands a second",
    );
    for count in [64, 512] {
        let mut rounds: [Vec<f64>; 6] = Default::default();
        for _ in 0..rig.options.rounds {
            let raw = || rig.runtime.block_on(rig.raw.published(Raw::messages(rig.options.quick)));
            let before = raw()?;
            let (server, own) = (rig.server.cpu(), cpu::thread());
            let (taken, seconds) =
                rig.runtime.block_on(callers(&rig.store, &rig.people, count, rig.millis()))?;
            let puts = taken.len() as f64;
            let (server, own) = (rig.server.cpu() - server, (cpu::thread() - own) as f64);
            let limit = f64::midpoint(before, raw()?);
            let ours = puts / seconds;
            let p50 = cpu::median(taken);
            let figures = [ours, limit, ours / limit, p50, server / puts / 1e3, own / puts / 1e3];
            rounds.iter_mut().zip(figures).for_each(|(round, figure)| round.push(figure));
        }
        let [ours, limit, ratio, p50, server, own] = rounds.map(cpu::median);
        let what = |what: &str| format!("{count} callers{what}");
        let target = Target::AtLeast(if rig.options.file { 0.05 } else { 0.07 });
        report::beside(&what(""), (ours / 1e3, limit / 1e3), "k/s", ratio, &target);
        report::alone(&what(", p50"), p50 / 1e3, "ms", &Target::None);
        report::alone(&what(", CPU of the server for each"), server, "us", &Target::None);
        report::alone(&what(", CPU of the client for each"), own, "us", &Target::None);
    }
    Ok(())
}

/// Runs this many callers for this long, each with one put at a time. Returns the microseconds of
/// each put, and the total seconds.
async fn callers(store: &NatsStore, people: &People, count: usize, millis: u64) -> Outcome<(Vec<f64>, f64)> {
    let start = cpu::wall();
    let ends_at = start + millis * 1_000_000;
    let callers: Vec<_> = (0..count)
        .map(|_| {
            let (store, people) = (store.clone(), people.clone());
            tokio::spawn(async move {
                let mut taken = Vec::new();
                loop {
                    let called = cpu::wall();
                    if called > ends_at {
                        return Ok(taken);
                    }
                    store.put(&people.puts(1)).await?;
                    taken.push((cpu::wall() - called) as f64 / 1e3);
                }
            })
        })
        .collect();
    let mut taken = Vec::new();
    for caller in callers {
        let own: Result<Vec<f64>, presence_core::store::Error> = caller.await?;
        taken.extend(own?);
    }
    Ok((taken, (cpu::wall() - start) as f64 / 1e9))
}
