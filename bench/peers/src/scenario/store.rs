//! The cost of connected members to the store.

use super::rig::{self, Pair, settle};
use super::second::{grows, used};
use super::{Sample, Sizes, Unit};
use crate::Outcome;
use crate::peer::Peer;
use std::time::{Duration, Instant};

/// The number of members of a room.
const ROOM: usize = 10;

pub fn run(peer: &Peer, sizes: &Sizes) -> Outcome<Vec<Sample>> {
    let members = sizes.of(10_000, 2_000);
    let Pair { a, b, mut crowd, redis } = Pair::start(peer, 0)?;
    crowd.read_for(Duration::from_secs(1))?;
    let (start, memory, cpu) = (Instant::now(), used(&redis)?, redis.cpu());
    for n in 0..members {
        let room = format!("room-{}", n / ROOM);
        crowd.open(a.address, &peer.protocol.enter(&rig::user(n), &room))?;
    }
    crowd.opened()?;
    settle(&mut crowd, &a)?;
    loop {
        let mut read = Ok(());
        let grows = grows(&redis, || read = crowd.read_for(Duration::from_secs(1)))?;
        read?;
        if !grows {
            break;
        }
    }
    let each = |of: f64| of / members as f64;
    let (took, used_cpu) = (start.elapsed(), redis.cpu().saturating_sub(cpu));
    let stored = each(used(&redis)?.saturating_sub(memory) as f64);
    let rests = sizes.of(10, 5);
    let cpu = redis.cpu();
    crowd.read_for(Duration::from_secs(rests as u64))?;
    let at_rest = redis.cpu().saturating_sub(cpu).as_secs_f64() / rests as f64;
    let entered = each((used_cpu.as_secs_f64() - at_rest * took.as_secs_f64()) * 1e6);
    drop((a, b));
    Ok(vec![
        Sample::new(
            format!("{members}, processor time of Redis for each that connects"),
            Unit::Micros,
            entered,
        ),
        Sample::new(format!("{members}, bytes in Redis for each"), Unit::Bytes, stored),
        Sample::new(
            format!("{members}, processor time of Redis in a second of rest"),
            Unit::Millis,
            at_rest * 1e3,
        ),
    ])
}
