//! Many processes read everything at once, while heartbeats continue.

use super::calls::{Reached, callers};
use super::{Rig, runtime};
use crate::report::{self, Target};
use crate::watchers::Watchers;
use crate::{Outcome, cpu};
use std::time::Duration;

const HANDLES: usize = 20;
const CALLERS: usize = 16;
/// The pause of each caller between its beats: together they beat at most as often as 100,000
/// sessions with a beat every 30 s.
const PAUSE: Duration = Duration::from_millis(5);

pub fn run(rig: &Rig<'_>) -> Outcome {
    let people = rig.people.len();
    report::section(&format!(
        "{HANDLES} processes read {people} sessions at once, while up to 3,000 a second beat"
    ));
    let runtime = runtime()?;
    let store = rig.server.store()?;
    let millis = 100;
    let quiet = runtime.block_on(callers(&store, &rig.people, CALLERS, 10 * millis, PAUSE))?;
    rig.server.note_slow_calls();
    let start = cpu::wall();
    let watchers = Watchers::start(|| rig.server.store(), HANDLES)?;
    let mut beats = Reached { per_second: 0.0, taken: Vec::new(), failed: 0 };
    let mut seconds = 0.0;
    while !watchers.is_synced()? {
        let reached = runtime.block_on(callers(&store, &rig.people, CALLERS, millis, PAUSE))?;
        beats.taken.extend(reached.taken);
        beats.failed += reached.failed;
        seconds = (cpu::wall() - start) as f64 / 1e9;
    }
    let slowest = rig.server.slowest()?;
    report::alone("from their start until all entries are delivered", seconds, "s", &Target::None);
    report::alone("the longest call of the server, wall", slowest, "ms", &Target::ValueAtMost(20.0));
    report::alone("beats meanwhile", beats.taken.len() as f64 / seconds / 1e3, "k/s", &Target::None);
    report::alone("beats that failed", beats.failed as f64, "", &Target::ValueAtMost(0.0));
    report::alone("feeds that were cut off", watchers.ended() as f64, "", &Target::ValueAtMost(0.0));
    let (ours, limit) = (p99(beats.taken), p99(quiet.taken));
    report::beside("p99 of a beat; the limit is before", (ours, limit), "ms", ours / limit, &Target::None);
    Ok(())
}

/// The 99th percentile, in milliseconds.
fn p99(mut taken: Vec<f64>) -> f64 {
    taken.sort_by(f64::total_cmp);
    taken.get(taken.len() * 99 / 100).copied().unwrap_or(f64::NAN) / 1e3
}
