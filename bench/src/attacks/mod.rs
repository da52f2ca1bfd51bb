//! Attacks on a service by four clients, next to 200 honest clients that should not be affected.

mod attacker;
mod honest;
mod kind;
mod line;

pub use kind::long_topics;

use crate::process::{self, Served};
use crate::report::{self, Target};
use crate::{Outcome, cpu, options::Options};
use honest::{Sample, What, nanos};
use kind::Kind;
use std::time::Duration;

/// The memory limit of the service, like that of a container, in MB.
const MEMORY: f64 = 2_000.0;
/// The longest additional latency of an honest client, in milliseconds.
const LONGER: f64 = 50.0;
/// The duration of the measurement before the attack, and after it.
const CALM: Duration = Duration::from_secs(10);
/// The time after an attack within which everything must be as before.
const RECOVERS: Duration = Duration::from_mins(1);
/// The interval at which memory is measured.
const LOOKS: Duration = Duration::from_millis(100);

pub fn run(options: &Options) -> Outcome {
    process::open_many_files(10_000);
    println!(
        "\n== attacks of {} s, each on a service of its own; {} honest clients",
        options.seconds,
        honest::CLIENTS
    );
    for kind in Kind::ALL.into_iter().filter(|kind| options.wants(kind.name())) {
        let recovers = if options.quick { CALM } else { RECOVERS };
        attack(kind, Duration::from_secs(options.seconds), recovers)?;
    }
    Ok(())
}

fn attack(kind: Kind, lasts: Duration, recovers: Duration) -> Outcome {
    report::section(&format!("{}: {}", kind.name(), kind.title()));
    let server = Served::start("attacked", kind.files())?;
    // The first requests are not measured, since they pay for one-time work.
    let begins = cpu::wall() + nanos(Duration::from_secs(3));
    let attacked = begins + nanos(CALM);
    let ends = attacked + nanos(lasts);
    let again = ends + nanos(recovers);
    let over = again + nanos(CALM);
    let honest = honest::start(server.address, over);
    let before = most_memory(&server, attacked)?;
    let attacker = attacker::start(kind, server.address, ends);
    let peak = most_memory(&server, ends)?;
    let answers = attacker.join().map_err(|_| "the attackers failed")??;
    let after = most_memory(&server, over).and_then(|_| server.resident())?;
    let samples = honest.join().map_err(|_| "the honest clients failed")??;

    let phase = |from, to| -> Vec<Sample> {
        samples.iter().filter(|sample| (from..to).contains(&sample.at)).copied().collect()
    };
    let (calm, attacked, later) = (phase(begins, attacked), phase(attacked, ends), phase(again, over));
    let (was, is, then) = (waits(&calm, 0.99), waits(&attacked, 0.99), waits(&later, 0.99));
    let beside = |what, ours: f64, was: f64, target| {
        report::beside(what, (ours, was), "ms", ours / was, &target);
    };
    beside(
        "honest, during; the limit is before: p50",
        waits(&attacked, 0.5),
        waits(&calm, 0.5),
        Target::None,
    );
    beside("p99", is, was, Target::ValueAtMost(was.round() + LONGER));
    beside("p99, after", then, was, Target::ValueAtMost(was.round() + LONGER));
    beside("the longest wait for an event, each 2 s", gap(&attacked), gap(&calm), Target::None);
    let failed = |samples: &[Sample]| samples.iter().filter(|sample| sample.what == What::Failed).count();
    report::alone(
        "honest requests that failed, during",
        failed(&attacked) as f64,
        "",
        &Target::ValueAtMost(0.0),
    );
    let megabytes = |bytes: usize| bytes as f64 / 1e6;
    report::beside(
        "memory, at most; before",
        (megabytes(peak), megabytes(before)),
        "MB",
        megabytes(peak) / megabytes(before),
        &Target::ValueAtMost(MEMORY),
    );
    report::alone("memory, after", megabytes(after), "MB", &Target::None);
    let answers: Vec<String> = answers.iter().map(|(status, times)| format!("{status}: {times}")).collect();
    println!("   responses to the attackers: {}", answers.join(", "));
    Ok(())
}

/// The maximum memory of a service until then, in bytes.
fn most_memory(server: &Served, until: u64) -> Outcome<usize> {
    let mut most = server.resident()?;
    while cpu::wall() < until {
        std::thread::sleep(LOOKS);
        most = most.max(server.resident()?);
    }
    Ok(most)
}

/// A percentile of the latency of a phase, in milliseconds.
fn waits(samples: &[Sample], share: f64) -> f64 {
    let mut waits: Vec<u64> =
        samples.iter().filter(|sample| sample.what != What::Event).map(|sample| sample.took).collect();
    waits.sort_unstable();
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a share of a length")]
    let at = (waits.len() as f64 * share) as usize;
    waits.get(at.min(waits.len().saturating_sub(1))).map_or(f64::NAN, |wait| *wait as f64 / 1e6)
}

/// The longest wait of a reader for an event, in milliseconds.
fn gap(samples: &[Sample]) -> f64 {
    let events = samples.iter().filter(|sample| sample.what == What::Event);
    events.map(|sample| sample.took).max().map_or(f64::NAN, |wait| wait as f64 / 1e6)
}
