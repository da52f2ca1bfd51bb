//! `presence-redis`, compared with plain `SET`s on the same server in the same round.

mod batches;
mod calls;
mod feed;
mod load;
mod raw;
mod resync;
mod server;

use crate::report;
use crate::sessions::People;
use crate::{Outcome, options::Options};
use raw::Raw;
use server::Server;

/// What all parts share.
struct Rig<'r> {
    options: &'r Options,
    server: &'r Server,
    raw: Raw,
    people: People,
}

impl Rig<'_> {
    /// The duration of one measurement, in milliseconds.
    fn millis(&self) -> u64 {
        if self.options.quick { 300 } else { 1_000 }
    }
}

pub fn run(options: &Options) -> Outcome {
    type Part = fn(&Rig<'_>) -> Outcome;
    let parts: [(&str, Part); 5] = [
        ("calls", calls::run),
        ("batches", batches::run),
        ("feed", feed::run),
        ("load", load::run),
        ("resync", resync::run),
    ];
    let server = Server::start(options.valkey, options.shards);
    let raw = Raw::new(server.port());
    report::head(&format!("Redis, {}, {}", server.version(), raw.what()), options.rounds);
    let people = People::of(if options.quick { 20_000 } else { 100_000 });
    let rig = Rig { options, server: &server, raw, people };
    load::fill(&rig)?;
    parts.iter().filter(|(part, _)| options.wants(part)).try_for_each(|(_, run)| run(&rig))
}

/// A runtime on the calling thread, since the server needs the other processor.
fn runtime() -> std::io::Result<tokio::runtime::Runtime> {
    tokio::runtime::Builder::new_current_thread().enable_all().build()
}
