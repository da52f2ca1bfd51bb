//! A process starts while the store holds many members.

use super::beats::send;
use super::rig::user;
use super::{Sample, Sizes, Unit};
use crate::Outcome;
use crate::crowd::{Crowd, PATIENCE};
use crate::http::Connection;
use crate::peer::Peer;
use crate::protocol::List;
use crate::server::{Server, Setup};
use std::time::{Duration, Instant};
use test_servers::redis::Redis;

pub fn run(peer: &Peer, sizes: &Sizes) -> Outcome<Vec<Sample>> {
    let members = sizes.of(100_000, 20_000);
    let posts = peer.protocol.fill(members);
    if posts.is_empty() {
        return Err("cannot: its store holds no members".into());
    }
    let redis = Redis::start();
    let setup = Setup { redis: Some(redis.url()), ..Setup::default() };
    let first = Server::start(peer, &setup)?;
    let (memory, cpu) = (used(&redis)?, redis.cpu());
    let mut connections: Vec<_> = (0..64).map(|_| Connection::open(first.address)).collect::<Outcome<_>>()?;
    send(&posts, &mut connections)?;
    drop(connections);
    while grows(&redis, || std::thread::sleep(Duration::from_secs(1)))? {}
    let each = |of: f64| of / members as f64;
    let stored = each((used(&redis)?.saturating_sub(memory)) as f64);
    let wrote = each(redis.cpu().saturating_sub(cpu).as_secs_f64() * 1e6);
    let (start, cpu) = (Instant::now(), redis.cpu());
    let second = Server::start(peer, &setup)?;
    let took = until_all(peer, &second, members - 1, start)?;
    let mut samples = vec![
        Sample::millis(format!("{members}, from its start until it shows all"), took),
        Sample::millis(format!("{members}, processor time of Redis"), redis.cpu().saturating_sub(cpu)),
        Sample::new("bytes in Redis for each", Unit::Bytes, stored),
        Sample::new("processor time of Redis for each that entered", Unit::Micros, wrote),
    ];
    if let Ok(cpu) = second.cpu() {
        samples.insert(1, Sample::millis(format!("{members}, its processor time"), cpu));
    }
    drop((first, second));
    Ok(samples)
}

/// The time until the room of the last member is complete.
fn until_all(peer: &Peer, server: &Server, last: usize, start: Instant) -> Outcome<Duration> {
    let (room, want) = (format!("room-{}", last / 10), last % 10 + 1);
    let mut crowd = Crowd::new(peer.protocol, &peer.path)?;
    let asks = crowd.open_watched(server.address, &[])?;
    crowd.opened()?;
    let mut connection = Connection::open(server.address)?;
    while start.elapsed() < PATIENCE {
        let listed = match peer.protocol.list(&room) {
            List::Pages(page) => peer.protocol.page(&room, &connection.get(&page)?)?.0,
            List::Frame(frame) => {
                let before = crowd.watch(asks).listed.len();
                crowd.send(asks, &frame)?;
                crowd.until(PATIENCE, |crowd| crowd.watch(asks).listed.len() > before)?;
                crowd.watch(asks).listed.last().copied().unwrap_or(0)
            }
        };
        if listed == want {
            return Ok(start.elapsed());
        }
        crowd.read_for(Duration::from_millis(5))?;
    }
    Err(format!("not within 60 s: {} is shown", user(last)).into())
}

/// Whether the memory of Redis still grows, over `wait`: writes in the background are not done.
pub fn grows(redis: &Redis, wait: impl FnOnce()) -> Outcome<bool> {
    /// Smaller changes are those of buffers and of processes that report that they live.
    const LEAST: usize = 16 * 1024;
    let before = used(redis)?;
    wait();
    Ok(used(redis)?.saturating_sub(before) > LEAST)
}

/// The memory that Redis uses, in bytes.
pub fn used(redis: &Redis) -> Outcome<usize> {
    let info = redis.command(&["INFO", "memory"]);
    let line = info.lines().find_map(|line| line.strip_prefix("used_memory:"));
    Ok(line.ok_or("Redis does not report its memory")?.trim().parse()?)
}
