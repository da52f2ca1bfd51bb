//! page-hits on Redis: hits without viewers, and with many viewers.

mod viewers;

use crate::client::Client;
use crate::people::Key;
use crate::process::Served;
use crate::report::{self, Target};
use crate::requests::{Requests, hit};
use crate::{Outcome, cpu, options::Options, process};
use test_servers::redis::Redis;
use viewers::Viewers;

/// The number of connections, each with one hit at a time.
const CONNECTIONS: usize = 64;

/// The results of a round.
struct Round {
    per_second: f64,
    /// Hits per second of the service's processor time.
    per_cpu: f64,
    /// Events per second that the viewers received.
    events: f64,
}

pub fn run(options: &Options) -> Outcome {
    process::open_many_files(options.clients + 1_000);
    let visitors = if options.quick { 10_000 } else { 40_000 };
    report::head(
        &format!("POST /v1/hit of page-hits on Redis, {visitors} visitors, {CONNECTIONS} connections"),
        options.rounds,
    );
    let redis = Redis::start();
    let server = Served::start("page-hits", usize::from(redis.port()))?;
    for (kind, what) in [
        ("load", "loads of another page each time, all stored"),
        ("beat", "beats soon after another, few of them stored"),
    ] {
        report::section(&format!("{what}; the limit is without viewers"));
        measure(options, &server, kind, visitors)?;
    }
    Ok(())
}

fn measure(options: &Options, server: &Served, kind: &str, visitors: usize) -> Outcome {
    let page = |page| Requests::of(visitors, |visitor| hit(&body(kind, visitor, page)));
    let mut pages = if kind == "load" { [page(1), page(2)] } else { [page(1), page(1)] };
    let lasts = if options.quick { 2 } else { 4 };
    let mut next = || hits(server, &mut pages, lasts);
    // All users are known now.
    next()?;
    let mut rounds: [Vec<f64>; 7] = Default::default();
    for _ in 0..options.rounds {
        let alone = next()?;
        let viewers = Viewers::open(server.address, options.clients)?;
        let (events, start) = (viewers.events(), cpu::wall());
        let viewed = next()?;
        let events = (viewers.events() - events) as f64 / ((cpu::wall() - start) as f64 / 1e9);
        let viewed = Round { events, ..viewed };
        drop(viewers);
        let figures = [
            viewed.per_second / 1e3,
            alone.per_second / 1e3,
            viewed.per_second / alone.per_second,
            viewed.per_cpu / 1e3,
            alone.per_cpu / 1e3,
            viewed.per_cpu / alone.per_cpu,
            viewed.events,
        ];
        rounds.iter_mut().zip(figures).for_each(|(round, figure)| round.push(figure));
    }
    let [viewed, alone, ratio, viewed_cpu, alone_cpu, cpu_ratio, events] = rounds.map(cpu::median);
    let what = |what: &str| format!("hits, {} viewers, {what}", options.clients);
    let target = Target::AtLeast(0.8);
    report::beside(&what("wall"), (viewed, alone), "k/s", ratio, &target);
    report::beside(&what("a second of CPU"), (viewed_cpu, alone_cpu), "k/s", cpu_ratio, &target);
    report::alone("events that the viewers got meanwhile", events, "/s", &Target::None);
    Ok(())
}

/// All users send hits for this many seconds.
fn hits(server: &Served, pages: &mut [Requests; 2], lasts: u64) -> Outcome<Round> {
    // A new client, because the server closes idle connections.
    let mut client = Client::connect(server.address, CONNECTIONS)?;
    let (spent, start) = (server.cpu()?, cpu::wall());
    let mut count = 0;
    // The viewers get an event every two seconds.
    while cpu::wall() - start < lasts * 1_000_000_000 {
        // Each visitor goes to another page than the last time.
        pages.rotate_left(1);
        client.send(&pages[0])?;
        count += pages[0].len();
    }
    let (spent, taken) = (server.cpu()? - spent, cpu::wall() - start);
    let rate = |nanos: u64| count as f64 / (nanos as f64 / 1e9);
    Ok(Round { per_second: rate(taken), per_cpu: rate(spent), events: 0.0 })
}

/// The body of a hit.
fn body(kind: &str, visitor: usize, page: usize) -> String {
    let key = Key::of(visitor);
    format!(r#"{{"kind":"{kind}","sid":"{}","path":"/page/{:02}"}}"#, key.ids().0, (visitor + page) % 100)
}
