//! A room of sockets, beside one task for each socket that writes frames which are ready.

mod readers;

use crate::process::Served;
use crate::report::{self, Target};
use crate::{Outcome, cpu, options::Options, process};
use readers::Readers;
use std::time::Duration;

/// How often something is said in the room.
pub const TICK: Duration = Duration::from_millis(100);

/// How long a frame is, about.
pub const FRAME: usize = 200;

/// What a room costs.
struct Cost {
    /// Microseconds of the server's processor for each frame that a member got.
    each: f64,
    /// Bytes of memory by which the server grew for each member that waits.
    waits: f64,
    /// Milliseconds of the server's processor for all to come, with all that the others are told of it.
    joins: f64,
}

pub fn run(options: &Options) -> Outcome {
    let members = options.clients;
    process::open_many_files(members + 100);
    report::head(&format!("WebSockets, {members} members of one room"), options.rounds);
    let (mut ours, mut limit): (Vec<Cost>, Vec<Cost>) = Default::default();
    for _ in 0..options.rounds.min(if options.quick { 2 } else { usize::MAX }) {
        ours.push(cost("room", members, options)?);
        limit.push(cost("frames", members, options)?);
    }
    let median = |of: fn(&Cost) -> f64| {
        let middle = |costs: &[Cost]| cpu::median(costs.iter().map(of).collect());
        (middle(&ours), middle(&limit))
    };
    report::section(&format!(
        "a message of {FRAME} B each tick; the limit is a task for each socket with frames that are ready"
    ));
    let each = median(|cost| cost.each);
    report::beside("CPU of the server for each delivery", each, "us", each.0 / each.1, &Target::AtMost(1.4));
    let waits = median(|cost| cost.waits).0 / 1e3;
    report::alone("memory of the server for each member that waits", waits, "kB", &Target::ValueAtMost(12.0));
    // Each member who comes would be told to each who is there, and vice versa.
    let pairs = each.1 * (members * (members - 1)) as f64 / 2.0 / 1e3;
    let joins = (median(|cost| cost.joins).0, pairs);
    report::section("all of them come; the limit is what one write for each pair would cost");
    report::beside(
        "CPU of the server, snapshots included",
        joins,
        "ms",
        joins.0 / joins.1,
        &Target::AtMost(0.1),
    );
    Ok(())
}

fn cost(case: &str, members: usize, options: &Options) -> Outcome<Cost> {
    let ticks = if options.quick { 10 } else { 30 };
    let joins = joins(case, members)?;
    let server = Served::start(case, FRAME)?;
    let mut warm = Readers::connect(server.address, 10)?;
    warm.enter()?;
    let resident = server.resident()?;
    let mut readers = Readers::connect(server.address, members)?;
    readers.enter()?;
    readers.settle()?;
    let waits = server.resident()?.saturating_sub(resident) as f64 / members as f64;
    let cpu = server.cpu()?;
    let got = readers.read(TICK * ticks)?;
    let cpu = (server.cpu()? - cpu) as f64;
    Ok(Cost { each: cpu / 1e3 / got as f64, waits, joins })
}

/// Milliseconds of the server's processor until all have entered and know of all others. Nothing else is said.
fn joins(case: &str, members: usize) -> Outcome<f64> {
    let server = Served::start(case, 0)?;
    let mut readers = Readers::connect(server.address, members)?;
    readers.settle()?;
    let cpu = server.cpu()?;
    readers.enter()?;
    readers.settle()?;
    Ok((server.cpu()? - cpu) as f64 / 1e6)
}
