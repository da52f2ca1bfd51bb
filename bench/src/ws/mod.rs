//! A room of sockets, compared with one task per socket that writes prepared frames,
//! and with socketioxide.

mod peer;
mod readers;

use crate::process::Served;
use crate::report::{self, Target};
use crate::{Outcome, cpu, options::Options, process};
use readers::{Readers, Speech};
use std::path::PathBuf;
use std::time::Duration;

/// The interval of messages in the room.
pub const TICK: Duration = Duration::from_millis(100);

/// The approximate size of a frame.
pub const FRAME: usize = 200;

/// The cost of a room.
struct Cost {
    /// Microseconds of the server's processor time per frame that a member received.
    each: f64,
    /// Bytes of server memory per idle member.
    waits: f64,
    /// Milliseconds of the server's processor time until all have joined, including the updates for
    /// the others.
    joins: f64,
}

/// The implementations of a room.
enum Room {
    /// A server of this program.
    Ours(&'static str),
    /// Another program, which speaks the protocol of socket.io.
    SocketIo(PathBuf),
}

pub fn run(options: &Options) -> Outcome {
    let members = options.clients;
    process::open_many_files(members + 100);
    report::head(&format!("WebSockets, {members} members of one room"), options.rounds);
    let rooms = [Room::Ours("room"), Room::Ours("frames"), Room::SocketIo(peer::socketioxide()?)];
    let mut costs: [Vec<Cost>; 3] = Default::default();
    for _ in 0..options.rounds.min(if options.quick { 2 } else { usize::MAX }) {
        for (room, costs) in rooms.iter().zip(&mut costs) {
            costs.push(cost(room, members, options)?);
        }
    }
    let median =
        |of: fn(&Cost) -> f64| costs.each_ref().map(|costs| cpu::median(costs.iter().map(of).collect()));
    let [ours, least, peer] = median(|cost| cost.each);
    let beside = |what, (ours, other): (f64, f64), unit, target| {
        report::beside(what, (ours, other), unit, ours / other, &target);
    };
    report::section(&format!(
        "a message of {FRAME} B each tick; the limit is a task for each socket with frames that are ready"
    ));
    beside("CPU of the server for each delivery", (ours, least), "us", Target::AtMost(1.4));
    let pair = least;
    report::section("the same; the other is socketioxide");
    beside("CPU of the server for each delivery", (ours, peer), "us", Target::AtMost(1.0));
    let [ours, _, peer] = median(|cost| cost.waits / 1e3);
    beside("memory of the server for each member that waits", (ours, peer), "kB", Target::AtMost(1.0));
    report::alone("memory of the server for each member that waits", ours, "kB", &Target::ValueAtMost(12.0));
    let [ours, _, peer] = median(|cost| cost.joins);
    report::section("all of them join; the other is socketioxide");
    beside("CPU of the server, snapshots included", (ours, peer), "ms", Target::AtMost(1.0));
    // Each joining member would be sent to each other member, and vice versa.
    let pairs = pair * (members * (members - 1)) as f64 / 2.0 / 1e3;
    report::section("all of them join; the limit is what one write for each pair would cost");
    beside("CPU of the server, snapshots included", (ours, pairs), "ms", Target::AtMost(0.1));
    Ok(())
}

impl Room {
    fn start(&self, frame: usize) -> Outcome<Served> {
        match self {
            Self::Ours(case) => Served::start(case, frame),
            Self::SocketIo(program) => Served::peer(program, frame),
        }
    }

    fn connect(&self, server: &Served, readers: usize) -> Outcome<Readers> {
        let speech = match self {
            Self::Ours(_) => Speech::Ours,
            Self::SocketIo(_) => Speech::SocketIo,
        };
        Readers::connect(server.address, readers, speech)
    }
}

fn cost(room: &Room, members: usize, options: &Options) -> Outcome<Cost> {
    let ticks = if options.quick { 10 } else { 30 };
    let joins = joins(room, members)?;
    let server = room.start(FRAME)?;
    let mut warm = room.connect(&server, 10)?;
    warm.enter()?;
    let resident = server.resident()?;
    let mut readers = room.connect(&server, members)?;
    readers.enter()?;
    readers.drain()?;
    let waits = server.resident()?.saturating_sub(resident) as f64 / members as f64;
    let cpu = server.cpu()?;
    let got = readers.read(TICK * ticks)?;
    let cpu = (server.cpu()? - cpu) as f64;
    Ok(Cost { each: cpu / 1e3 / got as f64, waits, joins })
}

/// Milliseconds of the server's processor time until all have entered and know of all others. There
/// are no messages.
fn joins(room: &Room, members: usize) -> Outcome<f64> {
    let server = room.start(0)?;
    let mut readers = room.connect(&server, members)?;
    readers.drain()?;
    let cpu = server.cpu()?;
    readers.enter()?;
    readers.drain()?;
    Ok((server.cpu()? - cpu) as f64 / 1e6)
}
