//! The time from an enter until other members have received it.

use super::rig::{self, Pair, median, settle, wait};
use super::{Sample, Sizes};
use crate::Outcome;
use crate::crowd::{Crowd, PATIENCE};
use crate::peer::Peer;
use crate::server::Server;
use std::time::{Duration, Instant};

/// The number of members whose frames are parsed.
const WATCHED: usize = 10;
/// A limit of named members that no room reaches.
pub const NAMED: usize = 1_000_000;

fn rooms(sizes: &Sizes) -> [usize; 3] {
    [1, sizes.of(100, 100), sizes.of(10_000, 1_000)]
}

pub fn alone(peer: &Peer, sizes: &Sizes) -> Outcome<Vec<Sample>> {
    let mut samples = Vec::new();
    for members in rooms(sizes) {
        let (server, mut crowd) = rig::alone(peer, NAMED)?;
        samples.extend(seen(&mut crowd, &server, &server, members, sizes)?);
    }
    Ok(samples)
}

pub fn across(peer: &Peer, sizes: &Sizes) -> Outcome<Vec<Sample>> {
    let mut samples = Vec::new();
    for members in rooms(sizes) {
        let mut pair = Pair::start(peer, NAMED)?;
        samples.extend(seen(&mut pair.crowd, &pair.a, &pair.b, members, sizes)?);
    }
    Ok(samples)
}

/// Users enter at the server `enters`; the members are connected to `there`.
fn seen(
    crowd: &mut Crowd,
    enters: &Server,
    there: &Server,
    members: usize,
    sizes: &Sizes,
) -> Outcome<Vec<Sample>> {
    let room = rig::room();
    let watched = fill(crowd, there, &room, members)?;
    let protocol = crowd.protocol();
    let (mut half, mut last) = (Vec::new(), Vec::new());
    for n in 0..sizes.of(10, 5) {
        let at = crowd.open(enters.address, &[])?;
        crowd.opened()?;
        // Independent of the phase of the server's batches.
        crowd.read_for(Duration::from_millis(250 + 37 * (n as u64 % 7)))?;
        let before: Vec<usize> = watched.iter().map(|at| crowd.watch(*at).changes).collect();
        let has_changed = |crowd: &Crowd| {
            watched.iter().zip(&before).all(|(at, before)| crowd.watch(*at).changes > *before)
        };
        let start = Instant::now();
        for frame in protocol.enter(&rig::user(9_000_000 + n), &room) {
            crowd.send(at, &frame)?;
        }
        if !crowd.until(PATIENCE, has_changed)? {
            return Err("not within 60 s: the members receive an enter".into());
        }
        let changed = watched.iter().filter_map(|at| crowd.watch(*at).changed_at);
        let mut times: Vec<Duration> = changed.map(|at| at - start).collect();
        times.sort();
        half.push(times[times.len() / 2]);
        last.extend(times.last());
        settle(crowd, there)?;
    }
    let named = |which: &str| format!("{members} in the room, {which}");
    Ok(vec![
        Sample::millis(named("half have received it"), median(half)),
        Sample::millis(named("the last has"), median(last)),
    ])
}

/// Fills a room. Returns the watched members, which are spread evenly over it.
fn fill(crowd: &mut Crowd, server: &Server, room: &str, members: usize) -> Outcome<Vec<usize>> {
    let protocol = crowd.protocol();
    let every = members.div_ceil(WATCHED);
    let mut watched = Vec::new();
    for n in 0..members {
        let commands = protocol.enter_quietly(&rig::user(n), room);
        if n % every == 0 {
            watched.push(crowd.open_watched(server.address, &commands)?);
        } else {
            crowd.open(server.address, &commands)?;
        }
    }
    crowd.opened()?;
    wait(crowd, "all sockets stay open", |crowd| crowd.lost() == 0)?;
    settle(crowd, server)?;
    Ok(watched)
}
