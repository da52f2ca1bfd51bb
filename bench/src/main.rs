//! The published benchmark: compares our code with the least that any code could do, in one run.
//!
//! `cargo run --release -p bench -- all`; see BENCHMARKS.md.

#![expect(clippy::cast_precision_loss, reason = "a figure has three digits that mean something")]

mod advance;
mod attacks;
mod broker;
mod client;
mod clock;
mod cpu;
mod handle;
mod hit;
mod instructions;
mod jobs;
mod lapse;
mod limit;
mod memory;
mod nats;
mod options;
mod pages;
mod people;
mod process;
mod redis;
mod report;
mod requests;
mod rest;
mod roster;
mod served;
mod sessions;
mod snapshot;
mod sse;
mod watchers;
mod ws;

use options::{Options, What};
use std::path::Path;
use std::process::Command;

#[cfg(feature = "mimalloc")]
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Any error ends the run.
type Outcome<T = ()> = Result<T, Box<dyn std::error::Error>>;

fn main() -> Outcome {
    let options = Options::parse(std::env::args().skip(1))?;
    match &options.what {
        What::Roster => roster(&options),
        What::Hit => hit::run(&options),
        What::Instructions => instructions::run(&options),
        What::Sse => sse::run(&options),
        What::Ws => ws::run(&options),
        What::Redis => redis::run(&options),
        What::Nats => nats::run(&options),
        What::Broker => broker::run(&options),
        What::Rest => rest::run(&options),
        What::Pages => pages::run(&options),
        What::Jobs => jobs::run(&options),
        What::Attacks => attacks::run(&options),
        What::Peers(words) => peers(words),
        What::All => {
            roster(&options)?;
            hit::run(&options)?;
            sse::run(&options)?;
            ws::run(&options)?;
            redis::run(&options)?;
            nats::run(&options)?;
            broker::run(&options)?;
            rest::run(&options)?;
            pages::run(&options)?;
            jobs::run(&options)
        }
        What::Memory(case) => memory::child(case, &options),
        What::Served(case, size) => served::run(case, *size),
    }
}

/// They are built outside the workspace, by a script that also fetches what is not Rust.
fn peers(words: &[String]) -> Outcome {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("../scripts/peers.sh");
    let ended = Command::new(script).args(words).status()?;
    if ended.success() { Ok(()) } else { Err(format!("scripts/peers.sh ended with {ended}").into()) }
}

fn roster(options: &Options) -> Outcome {
    type Part = fn(&Options) -> Outcome;
    let parts: [(&str, Part); 8] = [
        ("entering", roster::entering),
        ("beats", roster::beats),
        ("threads", roster::threads),
        ("handle", handle::run),
        ("time", lapse::run),
        ("virtual", advance::run),
        ("lists", snapshot::run),
        ("memory", memory::run),
    ];
    report::head(&format!("roster, {} sessions", options.sessions), options.rounds);
    parts.iter().filter(|(part, _)| options.wants(part)).try_for_each(|(_, run)| run(options))
}
