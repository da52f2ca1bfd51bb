//! What users see of faults of processes, the store and the network.

use super::rig::{apart, user, wait};
use super::{Sample, Sizes, Unit};
use crate::Outcome;
use crate::crowd::Crowd;
use crate::peer::Peer;
use crate::server::{Server, Setup};
use std::collections::BTreeSet;
use std::time::{Duration, Instant};
use test_servers::Proxy;
use test_servers::redis::Redis;

/// The number of users of each process.
const USERS: usize = 50;
/// The number of them who leave for good during the fault.
const LEAVE: usize = 5;
/// The number of watched members of each process.
const WATCHED: usize = 2;
/// The duration of an outage.
const FAULT: Duration = Duration::from_secs(20);
/// The time from the end of the fault until the views are compared.
const AFTER: Duration = Duration::from_secs(30);
/// The time until a client reconnects.
const BACK: Duration = Duration::from_secs(1);

/// Two processes, the first of which reaches Redis through a proxy.
struct World<'p> {
    peer: &'p Peer,
    crowd: Crowd,
    /// `None` while it restarts.
    processes: [Option<Server>; 2],
    setups: [Setup; 2],
    users: Vec<Member>,
    watched: [Vec<usize>; 2],
    redis: Redis,
    link: Proxy,
}

struct Member {
    name: String,
    process: usize,
    socket: usize,
    /// When its socket was closed by the server or by a reload.
    gone_at: Option<Instant>,
    has_left: bool,
}

pub fn reload(peer: &Peer, _: &Sizes) -> Outcome<Vec<Sample>> {
    let mut world = World::new(peer)?;
    world.leave();
    for at in 0..world.users.len() {
        if !world.users[at].has_left {
            world.crowd.close(world.users[at].socket);
            world.users[at].gone_at = Some(Instant::now());
        }
    }
    world.tend(AFTER)?;
    Ok(world.samples("reload"))
}

pub fn restart(peer: &Peer, _: &Sizes) -> Outcome<Vec<Sample>> {
    let mut world = World::new(peer)?;
    world.leave();
    if let Some(server) = world.processes[0].take() {
        let port = server.address.port();
        server.terminate()?;
        world.processes[0] = Some(Server::start(peer, &Setup { port, ..world.setups[0].clone() })?);
    }
    world.tend(AFTER)?;
    // Watched members of that process have lost their socket.
    world.watched[0].clear();
    Ok(world.samples("process restarted"))
}

pub fn store(peer: &Peer, sizes: &Sizes) -> Outcome<Vec<Sample>> {
    let mut samples = Vec::new();
    for (what, away) in [("store restarted empty", Duration::ZERO), ("store killed 20 s", FAULT)] {
        if sizes.quick && away > Duration::ZERO {
            continue;
        }
        let mut world = World::new(peer)?;
        world.redis.kill();
        world.tend(away / 2)?;
        world.leave();
        world.tend(away / 2)?;
        world.redis.restart();
        world.tend(AFTER)?;
        samples.extend(world.samples(what));
    }
    Ok(samples)
}

pub fn link(peer: &Peer, _: &Sizes) -> Outcome<Vec<Sample>> {
    let mut world = World::new(peer)?;
    world.link.cut();
    world.tend(FAULT / 2)?;
    world.leave();
    world.tend(FAULT / 2)?;
    world.link.pass();
    world.tend(AFTER)?;
    Ok(world.samples("link cut 20 s"))
}

impl<'p> World<'p> {
    fn new(peer: &'p Peer) -> Outcome<Self> {
        let redis = Redis::start();
        let link = Proxy::to(redis.port());
        let setup = |redis| Setup { redis: Some(redis), ..Setup::default() };
        let setups = [setup(format!("redis://127.0.0.1:{}", link.port())), setup(redis.url())];
        let processes = [Some(Server::start(peer, &setups[0])?), Some(Server::start(peer, &setups[1])?)];
        let crowd = Crowd::new(peer.protocol, &peer.path)?;
        let (users, watched) = Default::default();
        let mut world = Self { peer, crowd, processes, setups, users, watched, redis, link };
        world.fill()?;
        Ok(world)
    }

    fn fill(&mut self) -> Outcome {
        for process in [0, 1] {
            for n in 0..WATCHED {
                let commands = self.peer.protocol.enter(&user(1_000 + 10 * process + n), "room");
                let at = self.crowd.open_watched(self.address(process)?, &commands)?;
                self.watched[process].push(at);
                apart(&mut self.crowd)?;
            }
        }
        for n in 0..2 * USERS {
            let (name, process) = (user(n), n % 2);
            let socket = self.crowd.open(self.address(process)?, &self.peer.protocol.enter(&name, "room"))?;
            self.users.push(Member { name, process, socket, gone_at: None, has_left: false });
            apart(&mut self.crowd)?;
        }
        let all = 2 * (USERS + WATCHED);
        let watched = self.watched.concat();
        wait(&mut self.crowd, "everybody is shown everywhere", |crowd| {
            watched.iter().all(|at| crowd.watch(*at).online() == all)
        })?;
        self.crowd.read_for(Duration::from_secs(3))
    }

    fn address(&self, process: usize) -> Outcome<std::net::SocketAddr> {
        Ok(self.processes[process].as_ref().ok_or("the process is away")?.address)
    }

    /// Some users of each process leave for good.
    fn leave(&mut self) {
        for member in self.users.iter_mut().rev().take(2 * LEAVE) {
            self.crowd.close(member.socket);
            member.has_left = true;
        }
    }

    /// Lets time pass. Users whose socket was closed reconnect, as clients do.
    fn tend(&mut self, time: Duration) -> Outcome {
        let end = Instant::now() + time;
        while Instant::now() < end {
            self.crowd.read_for(Duration::from_millis(100).min(time))?;
            for at in 0..self.users.len() {
                let member = &mut self.users[at];
                if member.gone_at.is_none() && self.crowd.is_lost(member.socket) {
                    member.gone_at = Some(Instant::now());
                }
                if member.has_left || member.gone_at.is_none_or(|at| at.elapsed() < BACK) {
                    continue;
                }
                let address = self.address(self.users[at].process)?;
                let commands = self.peer.protocol.enter(&self.users[at].name, "room");
                let member = &mut self.users[at];
                // If the connection is refused, the next attempt follows a second later.
                member.gone_at = Some(Instant::now());
                if let Ok(socket) = self.crowd.open(address, &commands) {
                    (member.socket, member.gone_at) = (socket, None);
                }
            }
        }
        Ok(())
    }

    fn samples(&self, fault: &str) -> Vec<Sample> {
        let staying: BTreeSet<&str> =
            self.users.iter().filter(|member| !member.has_left).map(|member| member.name.as_str()).collect();
        let most = |process: usize, of: &dyn Fn(usize) -> usize| {
            self.watched[process].iter().filter(|at| !self.crowd.is_lost(**at)).map(|at| of(*at)).max()
        };
        let falsely = |at: usize| {
            self.crowd.watch(at).left.iter().filter(|left| staying.contains(left.as_str())).count()
        };
        let ghosts = |at: usize| {
            self.users
                .iter()
                .filter(|member| member.has_left && self.crowd.watch(at).shows(&member.name))
                .count()
        };
        let missing = |at: usize| staying.iter().filter(|user| !self.crowd.watch(at).shows(user)).count();
        let of = |what: &str, count: Option<usize>| {
            let what = format!("{fault}: {what}");
            match count {
                Some(count) => Sample::new(what, Unit::Errors, count as f64),
                None => Sample::none(what, Unit::Errors, "no watched member kept its connection"),
            }
        };
        let mut samples = vec![of("false leaves, at the other process", most(1, &falsely))];
        if !self.watched[0].is_empty() {
            samples.push(of("false leaves, at the process itself", most(0, &falsely)));
        }
        samples.push(of("ghosts 30 s later", most(1, &ghosts).max(most(0, &ghosts))));
        samples.push(of("here and not shown 30 s later", most(1, &missing).max(most(0, &missing))));
        samples
    }
}
