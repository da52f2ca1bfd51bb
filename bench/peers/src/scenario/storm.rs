//! Many users connect at once, as after a deployment.

use super::rig;
use super::{Sample, Sizes, Unit};
use crate::Outcome;
use crate::crowd::Crowd;
use crate::peer::Peer;
use std::time::{Duration, Instant};

/// The number of members before the storm.
const WATCHED: usize = 3;
/// The timeout.
const AT_MOST: Duration = Duration::from_mins(1);

pub fn thousand(peer: &Peer, sizes: &Sizes) -> Outcome<Vec<Sample>> {
    storm(peer, sizes.of(1_000, 1_000))
}

pub fn ten_thousand(peer: &Peer, sizes: &Sizes) -> Outcome<Vec<Sample>> {
    storm(peer, sizes.of(10_000, 2_000))
}

fn storm(peer: &Peer, comers: usize) -> Outcome<Vec<Sample>> {
    let (server, mut crowd) = rig::alone(peer, 0)?;
    let room = rig::room();
    let enter = |n| peer.protocol.enter(&rig::user(n), &room);
    let mut watched = Vec::new();
    for n in 0..WATCHED {
        watched.push(crowd.open_watched(server.address, &enter(n))?);
    }
    crowd.opened()?;
    rig::wait(&mut crowd, "the first are there", |crowd| {
        watched.iter().all(|at| crowd.watch(*at).online() > 0)
    })?;
    rig::settle(&mut crowd, &server)?;
    let (cpu, start) = (server.cpu(), Instant::now());
    for n in 0..comers {
        // Opening waits for handshakes; the timeout covers them.
        if start.elapsed() > AT_MOST {
            break;
        }
        crowd.open(server.address, &enter(WATCHED + n))?;
    }
    let seen = |crowd: &Crowd| watched.iter().map(|at| crowd.watch(*at).online()).min().unwrap_or(0);
    let all = WATCHED + comers;
    let is_known = crowd.until(AT_MOST.saturating_sub(start.elapsed()), |crowd| seen(crowd) >= all)?;
    let (what, costs) =
        (format!("{comers}, until all are known"), format!("{comers}, processor time for each"));
    if !is_known {
        let why = format!("not within {} s: {} were known", AT_MOST.as_secs(), seen(&crowd));
        return Ok(vec![
            Sample::none(what, Unit::Millis, why.clone()),
            Sample::none(costs, Unit::Micros, why),
        ]);
    }
    let took = start.elapsed();
    rig::settle(&mut crowd, &server)?;
    let mut samples = vec![Sample::millis(what, took)];
    if let (Ok(before), Ok(after)) = (cpu, server.cpu()) {
        let each = after.saturating_sub(before).as_secs_f64() * 1e6 / comers as f64;
        samples.push(Sample::new(costs, Unit::Micros, each));
    }
    Ok(samples)
}
