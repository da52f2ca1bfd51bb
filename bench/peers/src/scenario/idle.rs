//! Memory of idle connections.

use super::rig::{self, settle};
use super::{Sample, Sizes, Unit};
use crate::Outcome;
use crate::peer::Peer;
use std::time::Duration;

/// The number of members of a room.
const ROOM: usize = 10;
/// File descriptors that are not sockets.
const SPARE: usize = 400;

pub fn run(peer: &Peer, sizes: &Sizes) -> Outcome<Vec<Sample>> {
    let (server, mut crowd) = rig::alone(peer, 0)?;
    // They load code and tables before the first measurement.
    let warm = sizes.of(200, 200);
    let most = sizes.sockets.saturating_sub(SPARE);
    let mut steps = vec![sizes.of(10_000, 5_000).min(most)];
    if !sizes.quick && !sizes.smoke && most > steps[0] {
        steps.push(most);
    }
    let (mut open, mut samples, mut begun) = (0, Vec::new(), 0);
    for until in std::iter::once(warm).chain(steps) {
        while open < until {
            let room = format!("room-{}", open / ROOM);
            crowd.open(server.address, &peer.protocol.enter(&rig::user(open), &room))?;
            open += 1;
        }
        crowd.opened()?;
        settle(&mut crowd, &server)?;
        crowd.read_for(Duration::from_secs(if sizes.smoke { 0 } else { 3 }))?;
        if crowd.lost() > 0 {
            return Err(format!("{} of {until} connections were closed", crowd.lost()).into());
        }
        let resident = server.resident()?;
        if until == warm {
            begun = resident;
            continue;
        }
        let each = resident.saturating_sub(begun) as f64 / (until - warm) as f64;
        samples.push(Sample::new(
            format!("{until} connections, memory for each"),
            Unit::Kilobytes,
            each / 1e3,
        ));
        samples.push(Sample::new(
            format!("{until} connections, so many in a gigabyte"),
            Unit::Capacity,
            1e9 / each.max(1.0),
        ));
    }
    Ok(samples)
}
