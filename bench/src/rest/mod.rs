//! hub-and-spoke over HTTP and on NATS, compared with handlers that verify the same token and do
//! the least.

pub mod requests;

pub use requests::token;

use crate::client::Client;
use crate::process::Served;
use crate::report::{self, Target};
use crate::requests::Requests;
use crate::{Outcome, cpu, options::Options, process};
use std::time::Duration;
use test_servers::nats::Nats;

/// The secret that signs tokens.
pub const SECRET: &str = "a secret of at least 32 bytes, please";
/// The maximum number of users in one call.
pub const STATUSES: usize = 100;
/// The number of users with a status: as many as the default cache holds, and some more.
const USERS: usize = 1_000;
/// The number of connections of a server, each with one request at a time.
const CONNECTIONS: usize = 64;

pub fn run(options: &Options) -> Outcome {
    process::open_many_files(1_000);
    let nats = Nats::start();
    let port = usize::from(nats.port());
    report::head(&format!("hub-and-spoke on NATS, {USERS} users, {CONNECTIONS} connections"), options.rounds);
    let (service, least) = (Served::start("hub-and-spoke", port)?, Served::start("least", port)?);
    let token = token("root")?;
    // Sets a status for every user.
    send(&service, &Requests::of(USERS, |user| requests::post(&token, user)))?;
    // The watch reports these statuses as well.
    std::thread::sleep(Duration::from_secs(2));
    let few = if options.quick { 4 } else { 1 };
    let one = Requests::of(20 * USERS / few, |n| requests::one(&token, n % USERS));
    let several = Requests::of(2 * USERS / few, |n| requests::several(&token, n % USERS, USERS));
    let post = Requests::of(5 * USERS / few, |n| requests::post(&token, n % USERS));
    report::section("us of the service's processor for each request");
    let what = "GET one; the limit checks the token, answers a constant";
    beside(options, (&service, &least), &nats, what, &one, &Target::AtMost(1.6))?;
    let what = "GET 100; the limit checks the token, serialises 100";
    beside(options, (&service, &least), &nats, what, &several, &Target::AtMost(2.0))?;
    let what = "POST one; the limit checks the token, parses the body";
    beside(options, (&service, &least), &nats, what, &post, &Target::None)
}

fn send(server: &Served, requests: &Requests) -> Outcome {
    Client::connect(server.address, CONNECTIONS)?.send(requests)
}

fn beside(
    options: &Options,
    (service, least): (&Served, &Served),
    nats: &Nats,
    what: &str,
    requests: &Requests,
    target: &Target,
) -> Outcome {
    let mut rounds: [Vec<f64>; 5] = Default::default();
    let count = requests.len() as f64;
    // The first round warms up.
    for round in 0..=options.rounds {
        let cost = |server: &Served| {
            let (before, start) = (server.cpu()?, cpu::wall());
            send(server, requests)?;
            let seconds = (cpu::wall() - start) as f64 / 1e9;
            Outcome::Ok(((server.cpu()? - before) as f64 / count / 1e3, count / seconds))
        };
        let store = nats.cpu().as_nanos();
        let (ours, rate) = cost(service)?;
        let store = (nats.cpu().as_nanos() - store) as f64 / count / 1e3;
        let (limit, _) = cost(least)?;
        if round > 0 {
            let figures = [ours, limit, ours / limit, rate / 1e3, store];
            rounds.iter_mut().zip(figures).for_each(|(round, figure)| round.push(figure));
        }
    }
    let [ours, limit, ratio, rate, store] = rounds.map(cpu::median);
    report::beside(what, (ours, limit), "us", ratio, target);
    let method = what.split(';').next().unwrap_or_default();
    report::alone(&format!("{method}, wall"), rate, "k/s", &Target::None);
    report::alone(&format!("{method}, CPU of the NATS server"), store, "us", &Target::None);
    Ok(())
}
