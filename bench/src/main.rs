//! The published benchmark: what we do, side by side with the least that any code could do, in one run.
//!
//! `cargo run --release -p bench -- roster`; see BENCHMARKS.md.

mod clock;
mod cpu;
mod handle;
mod lapse;
mod limit;
mod memory;
mod options;
mod people;
mod report;
mod roster;
mod snapshot;

use options::{Options, What};

/// Whatever goes wrong ends the run.
type Outcome<T = ()> = Result<T, Box<dyn std::error::Error>>;

fn main() -> Outcome {
    let options = Options::parse(std::env::args().skip(1))?;
    match &options.what {
        What::Roster => roster(&options),
        What::Memory(case) => memory::child(case, &options),
    }
}

fn roster(options: &Options) -> Outcome {
    type Part = fn(&Options) -> Outcome;
    let parts: [(&str, Part); 7] = [
        ("entering", roster::entering),
        ("beats", roster::beats),
        ("threads", roster::threads),
        ("handle", handle::run),
        ("time", lapse::run),
        ("lists", snapshot::run),
        ("memory", memory::run),
    ];
    report::head(options);
    parts.iter().filter(|(part, _)| options.wants(part)).try_for_each(|(_, run)| run(options))
}
