//! Snapshots through the ticker, compared with a loop that writes the same bytes to every socket.

mod readers;
mod stalled;

use crate::process::Served;
use crate::report::{self, Target};
use crate::{Outcome, cpu, options::Options, process};
use readers::Readers;
use std::time::Duration;

/// The interval of the servers.
pub const TICK: Duration = Duration::from_millis(100);

/// The number of users in the lists of a small frame, and of a large one.
const SMALL: usize = 5;
const LARGE: usize = 1_420;

/// The cost of some ticks.
struct Cost {
    /// Microseconds of the server's processor time per event that a reader received.
    each: f64,
    /// Median milliseconds from the tick until the last reader had it.
    last: f64,
    /// Bytes of server memory per idle reader.
    waits: f64,
}

pub fn run(options: &Options) -> Outcome {
    process::open_many_files(options.clients + 100);
    report::head(&format!("Server-Sent Events, {} readers", options.clients), options.rounds);
    for users in [SMALL, LARGE] {
        frames(options, users)?;
    }
    stalled::run(options)
}

/// Both send frames of the same size.
fn frames(options: &Options, users: usize) -> Outcome {
    let (frame, ticks) = (size(users)?, if options.quick { 10 } else { 20 });
    report::section(&format!("a snapshot of {frame} B each tick; the limit is a loop of write(2)"));
    let (mut ours, mut limit): (Vec<Cost>, Vec<Cost>) = Default::default();
    for _ in 0..options.rounds.min(if options.quick { 2 } else { usize::MAX }) {
        ours.push(measure("ticker", users, options.clients, ticks)?);
        limit.push(measure("plain", frame, options.clients, ticks)?);
    }
    let median = |of: fn(&Cost) -> f64| {
        let middle = |costs: &[Cost]| cpu::median(costs.iter().map(of).collect());
        (middle(&ours), middle(&limit))
    };
    let each = median(|cost| cost.each);
    report::beside("CPU of the server for each event", each, "us", each.0 / each.1, &Target::AtMost(2.2));
    let last = median(|cost| cost.last);
    report::beside(
        "from the tick to the last reader, wall",
        last,
        "ms",
        last.0 / last.1,
        &Target::AtMost(2.5),
    );
    let waits = median(|cost| cost.waits).0 / 1e3;
    report::alone("memory of the server for each reader that waits", waits, "kB", &Target::ValueAtMost(20.0));
    Ok(())
}

/// Microseconds of processor time per frame of this size that the loop writes to this many readers.
pub fn plain(frame: usize, clients: usize, ticks: usize) -> Outcome<f64> {
    Ok(measure("plain", frame, clients, ticks)?.each)
}

/// The length of our frame for this many users.
fn size(users: usize) -> Outcome<usize> {
    let server = Served::start("ticker", users)?;
    Ok(Readers::connect(server.address, 1)?.frame)
}

fn measure(case: &str, size: usize, clients: usize, ticks: usize) -> Outcome<Cost> {
    let server = Served::start(case, size)?;
    let before = server.resident()?;
    let mut readers = Readers::connect(server.address, clients)?;
    readers.finish_tick()?;
    let waits = (server.resident()?.saturating_sub(before)) as f64 / clients as f64;
    let cpu = server.cpu()?;
    readers.read(ticks)?;
    readers.finish_tick()?;
    let cpu = (server.cpu()? - cpu) as f64;
    Ok(Cost { each: cpu / 1e3 / readers.got() as f64, last: readers.last()?, waits })
}
