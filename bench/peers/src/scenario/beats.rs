//! Heartbeats.

use super::rig::{self, settle};
use super::{Sample, Sizes, Unit};
use crate::Outcome;
use crate::http::Connection;
use crate::peer::Peer;
use crate::protocol::{Beat, Post};
use std::time::Duration;

/// The number of keep-alive connections, with one request in flight on each.
const CONNECTIONS: usize = 64;
/// The interval between two heartbeats of a user.
const EVERY: Duration = Duration::from_secs(20);

const HTTP: &str = "over HTTP, heartbeats a second and core";
const FRAMES: &str = "on an open socket, heartbeats a second and core";

#[expect(clippy::unnecessary_wraps, reason = "as every scenario")]
pub fn run(peer: &Peer, sizes: &Sizes) -> Outcome<Vec<Sample>> {
    let mut samples = Vec::new();
    if !peer.protocol.beats("").iter().any(|beat| matches!(beat, Beat::Http(_))) {
        let why = "cannot: it has sockets only; its equivalent is the next row";
        samples.push(Sample::none(HTTP, Unit::PerSecond, why));
    }
    for beat in peer.protocol.beats("") {
        let (what, each) = match beat {
            Beat::Http(_) => (HTTP, posts(peer, sizes)),
            Beat::Frame(frame) => (FRAMES, frames(peer, &frame, sizes)),
        };
        samples.push(match each {
            Ok(each) => Sample::new(what, Unit::PerSecond, 1.0 / each),
            Err(why) => Sample::none(what, Unit::PerSecond, why.to_string()),
        });
    }
    Ok(samples)
}

/// Processor time of a heartbeat over HTTP, in seconds.
fn posts(peer: &Peer, sizes: &Sizes) -> Outcome<f64> {
    let (server, mut crowd) = rig::alone(peer, 0)?;
    let posts: Vec<Post> = (0..sizes.of(50_000, 10_000)).filter_map(|n| post(peer, n)).collect();
    let mut connections: Vec<_> =
        (0..CONNECTIONS).map(|_| Connection::open(server.address)).collect::<Outcome<_>>()?;
    send(&posts, &mut connections)?;
    if !sizes.smoke {
        crowd.read_for(EVERY)?;
    }
    let before = server.cpu()?;
    send(&posts, &mut connections)?;
    Ok(server.cpu()?.saturating_sub(before).as_secs_f64() / posts.len() as f64)
}

fn post(peer: &Peer, user: usize) -> Option<Post> {
    let beats = peer.protocol.beats(&rig::user(user));
    beats.into_iter().find_map(|beat| if let Beat::Http(post) = beat { Some(post) } else { None })
}

/// Sends all requests, one on each connection at a time.
pub fn send(posts: &[Post], connections: &mut [Connection]) -> Outcome {
    for together in posts.chunks(connections.len()) {
        for (Post(path, body), connection) in together.iter().zip(&mut *connections) {
            connection.post(path, body)?;
        }
        for connection in &mut connections[..together.len()] {
            connection.answer()?;
        }
    }
    Ok(())
}

/// Processor time of a heartbeat on a socket, in seconds.
fn frames(peer: &Peer, frame: &str, sizes: &Sizes) -> Outcome<f64> {
    let (server, mut crowd) = rig::alone(peer, 0)?;
    let (members, times) = (sizes.of(1_000, 1_000), sizes.of(20, 10));
    for n in 0..members {
        let room = format!("room-{}", n / 10);
        crowd.open(server.address, &peer.protocol.enter_quietly(&rig::user(n), &room))?;
    }
    crowd.opened()?;
    settle(&mut crowd, &server)?;
    let mut before = server.cpu()?;
    for n in 0..=times {
        if n == 1 {
            // Just-in-time compilation is done.
            before = server.cpu()?;
        }
        for at in 0..members {
            crowd.send(at, frame)?;
        }
        crowd.read_for(Duration::from_millis(100))?;
    }
    settle(&mut crowd, &server)?;
    Ok(server.cpu()?.saturating_sub(before).as_secs_f64() / (times * members) as f64)
}
