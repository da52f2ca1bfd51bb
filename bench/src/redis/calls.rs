//! Callers that each touch one session at a time, which the store joins into batches.

use super::{Rig, runtime};
use crate::report::{self, Target};
use crate::sessions::People;
use crate::{Outcome, cpu};
use presence_core::PresenceStore;
use presence_redis::RedisStore;
use std::time::Duration;

/// The results of the callers.
pub struct Reached {
    pub per_second: f64,
    /// Microseconds of each call.
    pub taken: Vec<f64>,
    pub failed: usize,
}

pub fn run(rig: &Rig<'_>) -> Outcome {
    report::section(
        "one session a call; the limit is SET, one at a time on one connection, us from call to answer",
    );
    let runtime = runtime()?;
    let store = rig.server.store()?;
    let quick = rig.options.quick;
    let (mut ours, mut limit, mut ratio) = (Vec::new(), Vec::new(), Vec::new());
    for _ in 0..rig.options.rounds {
        let before = rig.raw.alone(quick)?.p50;
        let p50 = cpu::median(
            runtime.block_on(callers(&store, &rig.people, 1, rig.millis(), Duration::ZERO))?.taken,
        );
        let raw = f64::midpoint(before, rig.raw.alone(quick)?.p50);
        ours.push(p50);
        limit.push(raw);
        ratio.push(p50 / raw);
    }
    let [ours, limit, ratio] = [ours, limit, ratio].map(cpu::median);
    report::beside("one caller, p50", (ours, limit), "us", ratio, &Target::AtMost(1.5));

    report::section(
        "one session a call; the limit is SET, 64 in a pipeline on 8 connections, thousands a second",
    );
    for (callers_count, target) in [(64, Target::None), (512, Target::AtLeast(0.4))] {
        let (mut ours, mut limit, mut ratio, mut p50, mut cpu_each) =
            (Vec::new(), Vec::new(), Vec::new(), Vec::new(), Vec::new());
        for _ in 0..rig.options.rounds {
            let before = rig.raw.pipelined(quick)?.per_second;
            let start = rig.server.cpu()?;
            let reached = runtime.block_on(callers(
                &store,
                &rig.people,
                callers_count,
                rig.millis(),
                Duration::ZERO,
            ))?;
            cpu_each.push((rig.server.cpu()? - start) as f64 / reached.taken.len() as f64 / 1e3);
            let raw = f64::midpoint(before, rig.raw.pipelined(quick)?.per_second);
            ours.push(reached.per_second / 1e3);
            limit.push(raw / 1e3);
            ratio.push(reached.per_second / raw);
            p50.push(cpu::median(reached.taken) / 1e3);
        }
        let [ours, limit, ratio, p50, cpu_each] = [ours, limit, ratio, p50, cpu_each].map(cpu::median);
        report::beside(&format!("{callers_count} callers"), (ours, limit), "k/s", ratio, &target);
        report::alone(&format!("{callers_count} callers, p50"), p50, "ms", &Target::None);
        report::alone(
            &format!("{callers_count} callers, CPU of the server for each"),
            cpu_each,
            "us",
            &Target::None,
        );
    }
    Ok(())
}

/// Runs this many callers for this long, each with one call at a time and a pause after it.
pub async fn callers(
    store: &RedisStore,
    people: &People,
    count: usize,
    millis: u64,
    pause: Duration,
) -> Outcome<Reached> {
    let start = cpu::wall();
    let ends_at = start + millis * 1_000_000;
    let callers: Vec<_> = (0..count)
        .map(|_| {
            let (store, people) = (store.clone(), people.clone());
            tokio::spawn(async move {
                let (mut taken, mut failed) = (Vec::new(), 0);
                loop {
                    let called = cpu::wall();
                    if called > ends_at {
                        return (taken, failed);
                    }
                    let written = store.touch(&people.touches(1)).await;
                    failed += usize::from(!written.is_ok_and(|misses| misses.is_empty()));
                    taken.push((cpu::wall() - called) as f64 / 1e3);
                    if !pause.is_zero() {
                        tokio::time::sleep(pause).await;
                    }
                }
            })
        })
        .collect();
    let (mut taken, mut failed) = (Vec::new(), 0);
    for caller in callers {
        let own = caller.await?;
        taken.extend(own.0);
        failed += own.1;
    }
    let seconds = (cpu::wall() - start) as f64 / 1e9;
    Ok(Reached { per_second: taken.len() as f64 / seconds, taken, failed })
}
