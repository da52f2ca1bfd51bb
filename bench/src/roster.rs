//! The roster alone: beats, counts, inserts, two threads.

use crate::limit::Map;
use crate::people::{self, Order};
use crate::report::{self, Target};
use crate::{Outcome, cpu, options::Options};
use presence_core::roster::{BeatSource, Roster, Settings, StoreWrite};
use presence_core::{NodeId, Policy, Timestamp, Topics};
use std::hint::black_box;
use std::time::Duration;

/// The start of the simulated time.
pub const START: Timestamp = Timestamp::from_secs(1_700_000_000);
/// The interval of a client's beats.
pub const BEAT_EVERY: Duration = Duration::from_secs(30);

pub fn empty() -> Outcome<Roster> {
    let settings = Settings {
        policy: Policy::default(),
        node: NodeId::draw("bench")?,
        shards: 1,
        max_sessions: usize::MAX,
        max_bytes: usize::MAX,
        max_topics_per_user: usize::MAX,
        remember_bytes: usize::MAX,
    };
    Ok(Roster::new(settings, START))
}

/// A roster in which all users have just entered, and which the store has confirmed.
pub fn full(people: usize) -> Outcome<Roster> {
    let roster = empty()?;
    roster.prove(0, START, &[], START);
    let topics = people::topics();
    for person in 0..people {
        enter(&roster, person, &topics, START);
    }
    Ok(roster)
}

fn enter(roster: &Roster, person: usize, topics: &[Topics], now: Timestamp) {
    if let Ok(StoreWrite::Put { sessions, .. }) =
        roster.beat(&people::enters(person, topics), BeatSource::Beat, 0, now)
    {
        roster.confirm(sessions.iter().map(|session| (&session.user, &session.id)), now);
    }
}

/// How fast the simulated time passes.
#[derive(Clone, Copy)]
enum Pace {
    /// Each user beats once in 30 s: every beat moves times and is written to the store.
    Steady,
    /// Random users; 30 s pass in as many beats as there are users.
    Random,
    /// Random users, a thousand beats per millisecond: nearly all of them need no write.
    Flood,
}

impl Pace {
    fn order(self, seed: u64) -> Order {
        if matches!(self, Self::Steady) { Order::Once(seed) } else { Order::Random(seed | 1) }
    }

    /// Beats per millisecond of simulated time.
    fn beats_per_milli(self, people: usize) -> usize {
        match self {
            Self::Flood => 1_000,
            _ => (people / 30_000).max(1),
        }
    }
}

pub fn beats(options: &Options) -> Outcome {
    for (people, aim) in [(options.sessions, 1.0), (options.sessions / 10, 1.0)] {
        report::section(&format!(
            "Roster::beat, {people} sessions, ns of CPU; the limit is an overwrite in a plain map"
        ));
        let (roster, mut map) = (full(people)?, Map::of(people));
        let beats = people.max(500_000);
        let (mut now, mut time) = (START + BEAT_EVERY, 0);
        for (what, pace) in [
            ("beats of everybody every 30 s, each one renews", Pace::Steady),
            ("random beats, on average one in 30 s", Pace::Random),
            ("a flood of random beats", Pace::Flood),
        ] {
            let (mut one, mut other) = (pace.order(7), pace.order(7));
            // One run without measuring, to reach the regular state.
            beat(&roster, &mut one.clone(), beats, pace, &mut now, people);
            let both = cpu::in_turn(
                options.rounds,
                || beat(&roster, &mut one, beats, pace, &mut now, people),
                || map.overwrite(&mut other, beats, &mut time),
            );
            report::beside(what, both, "ns", both.1 / both.0, &Target::AtLeast(aim));
        }
        again_with_topics(options, &roster, &mut now, people);
    }
    Ok(())
}

/// Nanoseconds of processor time for one beat.
fn beat(
    roster: &Roster,
    order: &mut Order,
    beats: usize,
    pace: Pace,
    now: &mut Timestamp,
    people: usize,
) -> f64 {
    let per_milli = pace.beats_per_milli(people);
    let mut left = per_milli;
    let spent = cpu::of(|| {
        for _ in 0..beats {
            left -= 1;
            if left == 0 {
                left = per_milli;
                *now = *now + Duration::from_millis(1);
            }
            let beat = people::renews(order.next(people));
            let _ = black_box(roster.beat(&beat, BeatSource::Beat, 0, *now));
        }
    });
    spent as f64 / beats as f64
}

/// The same with topics in each beat, as in a page's hits; the topics are made in advance.
fn again_with_topics(options: &Options, roster: &Roster, now: &mut Timestamp, people: usize) {
    let (topics, mut order) = (people::topics(), Pace::Random.order(11));
    let round = || {
        *now = *now + BEAT_EVERY;
        let spent = cpu::of(|| {
            for _ in 0..500_000 {
                let person = order.next(people);
                let beat = people::renews(person).topics(topics[person % people::TOPICS].clone());
                let _ = black_box(roster.beat(&beat, BeatSource::Beat, 0, *now));
            }
        });
        spent as f64 / 500_000.0
    };
    let taken = std::iter::repeat_with(round).take(options.rounds).collect();
    report::alone("the same, each naming its topic again", cpu::median(taken), "ns", &Target::None);
}

/// The latency of beats while tables grow.
pub fn entering(options: &Options) -> Outcome {
    report::section("entering");
    let (roster, topics) = (empty()?, people::topics());
    roster.prove(0, START, &[], START);
    let (mut worst, start) = ([0; 3], cpu::thread());
    for person in 0..options.sessions {
        let before = cpu::thread();
        enter(&roster, person, &topics, START);
        let took = cpu::thread() - before;
        if let Some(place) = worst.iter().position(|&other| other < took) {
            worst[place..].rotate_right(1);
            worst[place] = took;
        }
    }
    let total = cpu::thread() - start;
    let each = total as f64 / options.sessions as f64 / 1e3;
    report::alone("entering and being confirmed, with the two clocks read", each, "us", &Target::None);
    report::alone("the longest one, CPU", worst[0] as f64 / 1e3, "us", &Target::None);
    report::alone("the third longest", worst[2] as f64 / 1e3, "us", &Target::None);
    Ok(())
}

pub fn threads(options: &Options) -> Outcome {
    report::section("two threads, random beats, beats per microsecond of wall time; the limit is one thread");
    let people = options.sessions;
    let roster = full(people)?;
    let mut seed = 1;
    let mut run = |threads: u64, now: Timestamp| {
        let start = cpu::wall();
        std::thread::scope(|scope| {
            for thread in 0..threads {
                seed += 1;
                let (roster, mut order) = (&roster, Order::Random(seed * 77 + thread));
                let mut now = now;
                scope.spawn(move || beat(roster, &mut order, people, Pace::Random, &mut now, people));
            }
        });
        threads as f64 * people as f64 / ((cpu::wall() - start) as f64 / 1e3)
    };
    let mut both: (Vec<f64>, Vec<f64>) = Default::default();
    let mut now = START;
    for _ in 0..options.rounds {
        now = now + BEAT_EVERY;
        both.0.push(run(2, now));
        now = now + BEAT_EVERY;
        both.1.push(run(1, now));
    }
    let (two, one) = (cpu::median(both.0), cpu::median(both.1));
    report::beside("beats of two threads", (two, one), "/us", two / one, &Target::AtLeast(1.4));
    Ok(())
}
