//! Work that time causes: the regular sweep over all sessions, and half a million that
//! lapse at once.

use crate::people::{self, Order};
use crate::report::{self, Target};
use crate::roster::{self, BEAT_EVERY, START};
use crate::{Outcome, cpu, options::Options};
use presence_core::Timestamp;
use presence_core::roster::{BeatSource, Roster};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

const STEP: Duration = Roster::SWEEP_EVERY;
/// The budget of a call of `sweep` by a handle.
const HANDLE: u32 = 4_096;
/// The smallest budget: each call ends with the first hold of a lock that found work.
const HOLD: u32 = 1;

pub fn run(options: &Options) -> Outcome {
    report::section(&format!("time passes, {} sessions with 30-s beats", options.sessions));
    let people = options.sessions;
    let roster = roster::full(people)?;
    let mut world = World { roster: &roster, now: START, order: Order::Once(0), people, silent: 0 };
    // For a minute and a half, until all sessions have their regular place in the wheel.
    for _ in 0..360 {
        world.step(HOLD);
    }
    let cpu: u64 = (0..120).map(|_| world.step(HANDLE).cpu).sum();
    let per_second = cpu as f64 / 30.0;
    let longest = (0..120).map(|_| world.step(HOLD).longest).max().unwrap_or(0);
    report::alone(
        "sweeps of a second, nothing lapses, CPU",
        per_second / 1e6,
        "ms",
        &Target::ValueAtMost(3.0),
    );
    report::alone("the longest hold of a lock, CPU", longest as f64 / 1e6, "ms", &Target::ValueAtMost(0.3));

    // All of the first half beat at the same moment, and never again.
    world.silent = people / 2;
    for person in 0..world.silent {
        let _ = roster.beat(&people::renews(person), BeatSource::Beat, 0, world.now);
    }
    for _ in 0..(60_000 / STEP.as_millis() - 1) {
        world.step(HOLD);
    }
    let before = roster.counts().online as usize;
    let (swept, latencies) = beside_a_beater(world.roster, people, world.now, || {
        let mut all = SweepOutput::default();
        while roster.counts().online as usize + world.silent > before {
            let swept = world.step(HOLD);
            all = SweepOutput {
                cpu: all.cpu + swept.cpu,
                longest: all.longest.max(swept.longest),
                sort: all.sort + swept.sort,
                slice: all.slice.max(swept.slice),
            };
        }
        all
    });
    let lapsed = before - roster.counts().online as usize;
    let what = format!("{lapsed} lapse at once, CPU for each");
    report::alone(&what, swept.cpu as f64 / lapsed as f64, "ns", &Target::ValueAtMost(250.0));
    report::alone(
        "the longest hold of a lock, CPU",
        swept.longest as f64 / 1e6,
        "ms",
        &Target::ValueAtMost(0.3),
    );
    let sort = swept.sort as f64 / lapsed as f64;
    report::alone("sorting their topics' lists, CPU for each", sort, "ns", &Target::None);
    report::alone("the longest slice, CPU", swept.slice as f64 / 1e6, "ms", &Target::ValueAtMost(0.5));
    let at = |per_mille: usize| latencies[(latencies.len() - 1) * per_mille / 1000] as f64 / 1e6;
    report::alone("beats of another thread meanwhile, wall, 99.9 %", at(999), "ms", &Target::None);
    report::alone("the slowest one of them, wall (descheduling and all)", at(1000), "ms", &Target::None);
    Ok(())
}

#[derive(Default)]
struct SweepOutput {
    cpu: u64,
    longest: u64,
    /// Sorting the lists: in total, and the longest slice.
    sort: u64,
    slice: u64,
}

/// A cluster of one process, advanced a quarter of a second at a time.
struct World<'a> {
    roster: &'a Roster,
    now: Timestamp,
    order: Order,
    people: usize,
    /// The first ones do not beat.
    silent: usize,
}

impl World<'_> {
    /// Lets a step of time pass; sweeps with this budget.
    fn step(&mut self, budget: u32) -> SweepOutput {
        self.now = self.now + STEP;
        let beats = self.people as u128 * STEP.as_millis() / BEAT_EVERY.as_millis();
        for _ in 0..beats {
            let person = self.order.next(self.people);
            if person >= self.silent {
                let _ = self.roster.beat(&people::renews(person), BeatSource::Beat, 0, self.now);
            }
        }
        self.roster.prove(0, self.now, &[], self.now);
        let mut swept = SweepOutput::default();
        loop {
            let start = cpu::thread();
            let more = self.roster.sweep(self.now, budget).more;
            let took = cpu::thread() - start;
            swept = SweepOutput { cpu: swept.cpu + took, longest: swept.longest.max(took), ..swept };
            // What a handle does in between: sorts one slice of a list at a time, without holding a
            // shard's lock.
            let start = cpu::thread();
            let sorts = self.roster.sort(1);
            let took = cpu::thread() - start;
            swept = SweepOutput { sort: swept.sort + took, slice: swept.slice.max(took), ..swept };
            if !more && !sorts {
                return swept;
            }
        }
    }
}

/// Runs `work` while another thread beats. Returns the sorted nanoseconds of those beats.
fn beside_a_beater<T>(
    roster: &Roster,
    people: usize,
    now: Timestamp,
    work: impl FnOnce() -> T,
) -> (T, Vec<u64>) {
    let done = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let beater = scope.spawn(|| {
            let (mut order, mut taken) = (Order::Random(99), Vec::new());
            while !done.load(Ordering::Relaxed) {
                // Only users who beat anyway.
                let person = people / 2 + order.next(people - people / 2);
                let beat = people::renews(person);
                let start = cpu::wall();
                let _ = roster.beat(&beat, BeatSource::Beat, 0, now);
                taken.push(cpu::wall() - start);
            }
            taken.sort_unstable();
            taken
        });
        let worked = work();
        done.store(true, Ordering::Relaxed);
        (worked, beater.join().unwrap_or_else(|_| vec![0]))
    })
}
