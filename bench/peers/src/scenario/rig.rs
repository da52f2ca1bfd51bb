//! What scenarios share: processes of a peer with their clients, and waiting.

use crate::Outcome;
use crate::crowd::{Crowd, PATIENCE};
use crate::peer::Peer;
use crate::server::{Server, Setup};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;
use test_servers::redis::Redis;

/// The name of the nth user: 12 bytes.
pub fn user(n: usize) -> String {
    format!("user-{n:07}")
}

/// A new room. A server that is not restarted between scenarios remembers the old ones.
pub fn room() -> String {
    static MADE: AtomicU32 = AtomicU32::new(0);
    format!("room-{}-{}", std::process::id(), MADE.fetch_add(1, Ordering::Relaxed))
}

/// Starts one process.
pub fn alone(peer: &Peer, large: usize) -> Outcome<(Server, Crowd)> {
    let server = Server::start(peer, &Setup { large, ..Setup::default() })?;
    Ok((server, Crowd::new(peer.protocol, &peer.path)?))
}

/// Two processes that share a store.
pub struct Pair {
    pub a: Server,
    pub b: Server,
    pub crowd: Crowd,
    // The last field: it is dropped after the processes.
    pub redis: Redis,
}

impl Pair {
    pub fn start(peer: &Peer, large: usize) -> Outcome<Self> {
        let redis = Redis::start();
        let setup = Setup { redis: Some(redis.url()), large, ..Setup::default() };
        let (a, b) = (Server::start(peer, &setup)?, Server::start(peer, &setup)?);
        Ok(Self { a, b, crowd: Crowd::new(peer.protocol, &peer.path)?, redis })
    }
}

/// Waits a moment between users who enter. Of users who enter at once, Sockudo loses some.
pub fn apart(crowd: &mut Crowd) -> Outcome {
    const APART: Duration = Duration::from_millis(30);
    crowd.opened()?;
    crowd.read_for(APART)
}

/// Waits until a condition holds, and fails after a minute.
pub fn wait(crowd: &mut Crowd, what: &str, is_so: impl Fn(&Crowd) -> bool) -> Outcome {
    if crowd.until(PATIENCE, is_so)? {
        return Ok(());
    }
    Err(format!("not within {} s: {what}", PATIENCE.as_secs()).into())
}

/// Reads until the server is idle: it has used less than a twentieth of a processor for a quarter
/// of a second.
pub fn settle(crowd: &mut Crowd, server: &Server) -> Outcome {
    const LOOK: Duration = Duration::from_millis(250);
    for _ in 0..240 {
        let before = server.cpu().unwrap_or_default();
        crowd.read_for(LOOK)?;
        if server.cpu().unwrap_or_default().saturating_sub(before) < LOOK / 20 {
            return Ok(());
        }
    }
    Err("not within 60 s: the server becomes idle".into())
}

/// The median.
pub fn median(mut of: Vec<Duration>) -> Duration {
    of.sort();
    of.get(of.len() / 2).copied().unwrap_or_default()
}
