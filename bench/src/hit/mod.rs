//! `POST /v1/hit`, compared with a handler that does nothing on the same server.

use crate::client::Client;
use crate::process::Served;
use crate::report::{self, Target};
use crate::requests::{self, Requests};
use crate::{Outcome, cpu, options::Options, process};

/// The number of connections of a server, each with one request at a time.
const CONNECTIONS: usize = 64;

/// A server, its requests, and what they cost.
struct Contender {
    what: &'static str,
    target: Target,
    server: Served,
    /// The first request of each user, and the following ones.
    first: Requests,
    then: Requests,
    /// Microseconds of processor time for each request: in the first round, and in the others.
    entering: f64,
    taken: Vec<f64>,
    /// The share of the time in which the server had work.
    busy: Vec<f64>,
}

impl Contender {
    fn start(
        case: &str,
        what: &'static str,
        target: Target,
        users: usize,
        body: impl Fn(&str, usize) -> String,
    ) -> Outcome<Self> {
        let server = Served::start(case, 0)?;
        let (first, then) = (
            Requests::of(users, |user| requests::hit(&body("enter", user))),
            Requests::of(users, |user| requests::hit(&body("beat", user))),
        );
        let (entering, taken, busy) = Default::default();
        Ok(Self { what, target, server, first, then, entering, taken, busy })
    }

    /// Every user sends one hit, 30 s after the last.
    fn round(&mut self) -> Outcome {
        let (requests, first) = if self.entering == 0.0 { (&self.first, true) } else { (&self.then, false) };
        // A new client, because the server closes idle connections.
        let mut client = Client::connect(self.server.address, CONNECTIONS)?;
        self.server.jump()?;
        let (wall, before) = (cpu::wall(), self.server.times()?);
        client.send(requests)?;
        let (wall, after) = (cpu::wall() - wall, self.server.times()?);
        let (ran, waited) = (after.0 - before.0, after.1 - before.1);
        let each = ran as f64 / requests.len() as f64 / 1e3;
        if first {
            self.entering = each;
        } else {
            self.taken.push(each);
            self.busy.push((ran + waited) as f64 / wall as f64 * 100.0);
        }
        Ok(())
    }
}

pub fn run(options: &Options) -> Outcome {
    process::open_many_files(1_000);
    let users = if options.quick { 20_000 } else { 100_000 };
    report::head(&format!("POST /v1/hit, {users} users, {CONNECTIONS} connections"), options.rounds);
    report::section(
        "each user every 30 s, us of the server's processor; the limit is a handler that does nothing",
    );
    let mut contenders = [
        Contender::start("nothing", "", Target::None, users, requests::mount)?,
        Contender::start(
            "reads",
            "a handler that reads the body and answers JSON",
            Target::None,
            users,
            requests::mount,
        )?,
        Contender::start("mount", "the mount's", Target::AtMost(1.5), users, requests::mount)?,
        Contender::start("active-idle", "active-idle's", Target::AtMost(1.5), users, |_, user| {
            requests::active_idle(user)
        })?,
    ];
    for _ in 0..=options.rounds {
        contenders.iter_mut().try_for_each(Contender::round)?;
    }
    let [nothing, others @ ..] = contenders;
    let limit = cpu::median(nothing.taken);
    for other in &others {
        let ours = cpu::median(other.taken.clone());
        report::beside(other.what, (ours, limit), "us", ours / limit, &other.target);
    }
    for other in others.iter().skip(1) {
        let what = format!("{}, each user's first one", other.what);
        report::beside(&what, (other.entering, limit), "us", other.entering / limit, &Target::None);
    }
    let busy = others.iter().flat_map(|other| other.busy.iter()).chain(&nothing.busy).copied();
    report::alone(
        "share of the time that servers had work, the least",
        busy.fold(100.0, f64::min),
        "%",
        &Target::None,
    );
    Ok(())
}
