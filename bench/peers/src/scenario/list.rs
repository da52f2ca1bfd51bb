//! Lists of members.

use super::join::NAMED;
use super::rig::{self, median, settle};
use super::{Sample, Sizes, Unit};
use crate::Outcome;
use crate::crowd::Crowd;
use crate::http::Connection;
use crate::peer::Peer;
use crate::protocol::List;
use crate::server::Server;
use std::time::Instant;

pub fn run(peer: &Peer, sizes: &Sizes) -> Outcome<Vec<Sample>> {
    let members = sizes.of(10_000, 2_000);
    let (server, mut crowd) = rig::alone(peer, NAMED)?;
    let room = rig::room();
    for n in 0..members {
        crowd.open(server.address, &peer.protocol.enter_quietly(&rig::user(n), &room))?;
    }
    let asks = crowd.open_watched(server.address, &[])?;
    crowd.opened()?;
    settle(&mut crowd, &server)?;
    let (times, mut took) = (sizes.of(10, 5), Vec::new());
    let mut cpu = server.cpu();
    for n in 0..=times {
        if n == 1 {
            // Just-in-time compilation is done.
            cpu = server.cpu();
            took.clear();
        }
        let start = Instant::now();
        let listed = match peer.protocol.list(&room) {
            List::Pages(first) => pages(peer, &server, &room, first)?,
            List::Frame(frame) => answer(&mut crowd, asks, &frame)?,
        };
        if listed != members {
            return Err(format!("{listed} of {members} were listed").into());
        }
        took.push(start.elapsed());
    }
    let mut samples = vec![Sample::millis(format!("{members}, until the list is there"), median(took))];
    if let (Ok(before), Ok(after)) = (cpu, server.cpu()) {
        let each = after.saturating_sub(before).as_secs_f64() * 1e3 / times as f64;
        samples.push(Sample::new(format!("{members}, processor time of a list"), Unit::Millis, each));
    }
    let idle = "the list tells active from idle";
    samples.push(if peer.protocol.knows_idle() {
        Sample::new(idle, Unit::Yes, 1.0)
    } else {
        Sample::none(idle, Unit::Yes, "cannot: no idle state")
    });
    Ok(samples)
}

fn pages(peer: &Peer, server: &Server, room: &str, first: String) -> Outcome<usize> {
    let (mut connection, mut next, mut listed) = (Connection::open(server.address)?, Some(first), 0);
    while let Some(path) = next {
        let (users, more) = peer.protocol.page(room, &connection.get(&path)?)?;
        listed += users;
        next = more;
    }
    Ok(listed)
}

fn answer(crowd: &mut Crowd, asks: usize, frame: &str) -> Outcome<usize> {
    let before = crowd.watch(asks).listed.len();
    crowd.send(asks, frame)?;
    rig::wait(crowd, "a list is answered", |crowd| crowd.watch(asks).listed.len() > before)?;
    crowd.watch(asks).listed.last().copied().ok_or_else(|| "no list".into())
}
