//! Messages to a room.

use super::rig::{self, median, settle};
use super::{Sample, Sizes, Unit};
use crate::Outcome;
use crate::peer::Peer;
use std::time::{Duration, Instant};

const TICK: Duration = Duration::from_millis(100);

pub fn run(peer: &Peer, sizes: &Sizes) -> Outcome<Vec<Sample>> {
    let members = sizes.of(1_000, 1_000);
    let (server, mut crowd) = rig::alone(peer, 0)?;
    let room = rig::room();
    for n in 0..members {
        crowd.open(server.address, &peer.protocol.enter_quietly(&rig::user(n), &room))?;
    }
    crowd.opened()?;
    settle(&mut crowd, &server)?;
    let receivers = members - usize::from(!peer.protocol.echoes());
    let message = peer.protocol.message(&room, &"x".repeat(200));
    let (warm, times, mut took) = (sizes.of(20, 10), sizes.of(50, 20), Vec::new());
    crowd.messages = 0;
    let mut cpu = server.cpu();
    for n in 1..=warm + times {
        if n == warm + 1 {
            // Just-in-time compilation is done.
            cpu = server.cpu();
            took.clear();
        }
        let start = Instant::now();
        crowd.send(0, &message)?;
        rig::wait(&mut crowd, "all members receive the message", |crowd| crowd.messages >= n * receivers)?;
        took.push(start.elapsed());
        crowd.read_for(TICK.saturating_sub(start.elapsed()))?;
    }
    let mut samples = vec![Sample::millis("from sending it until the last has received it", median(took))];
    if let (Ok(before), Ok(after)) = (cpu, server.cpu()) {
        let each = after.saturating_sub(before).as_secs_f64() * 1e6 / (times * receivers) as f64;
        samples.push(Sample::new("processor time for each delivery", Unit::Micros, each));
        samples.push(Sample::new("deliveries a second and core", Unit::PerSecond, 1e6 / each));
    }
    Ok(samples)
}
