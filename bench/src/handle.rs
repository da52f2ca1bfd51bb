//! `Presence::beat` on the memory store, and counts.

use crate::clock::Shifted;
use crate::people::{self, Order};
use crate::report::{self, Target};
use crate::roster::BEAT_EVERY;
use crate::{Outcome, cpu, options::Options};
use presence_core::{Presence, Topic};
use presence_memory::MemoryStore;
use std::hint::black_box;

/// A handle with all users entered. Its clock costs as much as the system's, and its
/// sleeps never end.
pub async fn full(people: usize, clock: &Shifted) -> Outcome<Presence> {
    let store = MemoryStore::with_clock(clock.clone());
    let presence = Presence::builder(store).clock(clock.clone()).start()?;
    presence.ready().await;
    let topics = people::topics();
    for person in 0..people {
        presence.beat(people::enters(person, &topics)).await?;
    }
    Ok(presence)
}

pub fn run(options: &Options) -> Outcome {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        for people in [options.sessions, options.sessions / 10] {
            report::section(&format!("Presence::beat, memory store, {people} sessions, cost of SystemClock"));
            beats(options, people).await?;
        }
        Ok(())
    })
}

async fn beats(options: &Options, people: usize) -> Outcome {
    let clock = Shifted::default();
    let presence = full(people, &clock).await?;
    let beats = people.clamp(500_000, 1_000_000);
    let mut taken: [Vec<f64>; 3] = Default::default();
    let topics = people::topics();
    let mut order = Order::Once(7);
    for _ in 0..=options.rounds {
        clock.jump(BEAT_EVERY);
        let pass = people.min(beats);
        taken[0].push(beat(&presence, &mut order, pass, None).await?);
        taken[1].push(beat(&presence, &mut Order::Random(3), beats, None).await?);
        clock.jump(BEAT_EVERY);
        taken[2].push(beat(&presence, &mut order, pass, Some(&topics)).await?);
    }
    let [steady, flood, topics] = taken.map(|taken| cpu::median(taken.into_iter().skip(1).collect()) / 1e3);
    let target = Target::ValueAtMost(0.8);
    report::alone("beats of all users every 30 s, each written to the store", steady, "us", &target);
    report::alone("a flood of random beats", flood, "us", &target);
    report::alone("every 30 s, each naming its topic again", topics, "us", &target);
    counts(&presence)
}

async fn beat(
    presence: &Presence,
    order: &mut Order,
    beats: usize,
    topics: Option<&[presence_core::Topics]>,
) -> Outcome<f64> {
    let people = presence.health().sessions;
    let start = cpu::thread();
    for _ in 0..beats {
        let person = order.next(people);
        let mut beat = people::renews(person);
        beat.topics = topics.map(|topics| topics[person % people::TOPICS].clone());
        black_box(presence.beat(beat).await?);
    }
    Ok((cpu::thread() - start) as f64 / beats as f64)
}

fn counts(presence: &Presence) -> Outcome {
    let reads = 10_000_000;
    let topic = Topic::new("/page/7")?;
    let kept = presence.topic(&topic);
    let spent = cpu::of(|| (0..reads).for_each(|_| _ = black_box(black_box(&kept).counts())));
    report::alone(
        "counts of a topic, its place kept",
        spent as f64 / f64::from(reads),
        "ns",
        &Target::ValueAtMost(10.0),
    );
    let reads = reads / 10;
    let spent = cpu::of(|| (0..reads).for_each(|_| _ = black_box(presence.topic(&topic).counts())));
    report::alone(
        "counts of a topic, its place looked up",
        spent as f64 / f64::from(reads),
        "ns",
        &Target::None,
    );
    Ok(())
}
