//! A process is killed.

use super::rig::{self, Pair};
use super::{Sample, Sizes, Unit};
use crate::Outcome;
use crate::crowd::Crowd;
use crate::peer::Peer;
use std::time::{Duration, Instant};

/// The timeout, and the one of a quick run.
const AT_MOST: [Duration; 2] = [Duration::from_mins(1), Duration::from_secs(20)];
const WATCHED: usize = 3;

pub fn run(peer: &Peer, sizes: &Sizes) -> Outcome<Vec<Sample>> {
    let members = sizes.of(100, 100);
    let Pair { a, b, mut crowd, redis } = Pair::start(peer, 0)?;
    let enter = |n| peer.protocol.enter(&rig::user(n), "room");
    let mut watched = Vec::new();
    for n in 0..WATCHED {
        watched.push(crowd.open_watched(b.address, &enter(n))?);
        rig::apart(&mut crowd)?;
    }
    for n in 0..members {
        crowd.open(a.address, &enter(WATCHED + n))?;
        rig::apart(&mut crowd)?;
    }
    let seen = |crowd: &Crowd| watched.iter().map(|at| crowd.watch(*at).online()).min();
    rig::wait(&mut crowd, "the other process knows all", |crowd| seen(crowd) == Some(WATCHED + members))?;
    let left = |crowd: &Crowd| watched.iter().map(|at| crowd.watch(*at).left.len()).min();
    // It is killed with SIGKILL.
    drop(a);
    let start = Instant::now();
    let at_most = AT_MOST[usize::from(sizes.quick)];
    let is_told = crowd.until(at_most, |crowd| left(crowd) >= Some(members))?;
    let took = start.elapsed();
    drop((b, redis));
    let what = "until all its users are shown to have left";
    Ok(vec![if is_told {
        Sample::millis(what, took)
    } else {
        let why = format!(
            "cannot: no leave is sent ({} of {members} within {} s)",
            left(&crowd).unwrap_or(0),
            at_most.as_secs()
        );
        Sample::none(what, Unit::Millis, why)
    }])
}
