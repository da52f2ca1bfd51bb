//! Virtual time: what a test pays for an hour or a day of `ManualClock`.

use crate::people;
use crate::report::{self, Target};
use crate::roster::START;
use crate::{Outcome, cpu, options::Options};
use presence_core::Presence;
use presence_core::testing::ManualClock;
use presence_memory::MemoryStore;
use std::time::Duration;

const HOUR: Duration = Duration::from_hours(1);
const DAY: Duration = Duration::from_hours(24);
/// The number of sessions.
const SESSIONS: usize = 10;

pub fn run(options: &Options) -> Outcome {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        report::section(&format!("ManualClock::advance, memory store, {SESSIONS} sessions"));
        for (what, duration, target) in [("an hour", HOUR, 50.0), ("a day", DAY, 1_000.0)] {
            for (who, are_held) in [("beat once", false), ("held", true)] {
                let mut taken = Vec::new();
                let mut woken = 0;
                for _ in 0..options.rounds {
                    let (millis, wakes) = advance(duration, are_held).await?;
                    taken.push(millis);
                    woken = wakes;
                }
                let target = Target::ValueAtMost(target);
                let what = format!("{what}, sessions {who}: {woken} wake-ups, wall");
                report::alone(&what, cpu::median(taken), "ms", &target);
            }
        }
        Ok(())
    })
}

/// Milliseconds and wake-ups of advancing by `duration`.
async fn advance(duration: Duration, are_held: bool) -> Outcome<(f64, u64)> {
    let clock = ManualClock::at(START);
    let store = MemoryStore::with_clock(clock.clone());
    let presence = Presence::builder(store).clock(clock.clone()).start()?;
    presence.ready().await;
    clock.advance(Duration::from_secs(10)).await;
    let (topics, mut holds) = (people::topics(), Vec::new());
    for person in 0..SESSIONS {
        let beat = people::enters(person, &topics);
        if are_held {
            holds.push(presence.hold(beat)?);
        } else {
            presence.beat(beat).await?;
        }
    }
    let (start, woken) = (cpu::wall(), clock.woken());
    clock.advance(duration).await;
    Ok(((cpu::wall() - start) as f64 / 1e6, clock.woken() - woken))
}
