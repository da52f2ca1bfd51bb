//! Bytes per session: the growth of the resident set in a process of its own.
//!
//! The resident set is what operators see, including the allocator; counting allocations would need
//! unsafe code.

use crate::clock::Shifted;
use crate::limit::Map;
use crate::report::{self, Target};
use crate::{Outcome, broker, handle, options::Options, process, roster};
use std::process::Command;

pub fn run(options: &Options) -> Outcome {
    report::section(&format!(
        "memory for each of {} sessions, resident set of a process of its own",
        options.sessions
    ));
    let limit = measure("map", options.sessions)?;
    for (case, what, target) in [
        ("roster", "the roster, one topic each", Target::ValueAtMost(250.0)),
        ("presence", "roster and memory store", Target::None),
        ("everyone", "roster and memory store, also everyone listed", Target::None),
    ] {
        let bytes = measure(case, options.sessions)?;
        report::beside(what, (bytes, limit), "B", bytes / limit, &target);
    }
    Ok(())
}

/// Bytes for each of `count` items, measured in a process of its own.
pub fn measure(case: &str, count: usize) -> Outcome<f64> {
    let sessions = count.to_string();
    let output =
        Command::new(std::env::current_exe()?).args(["memory", case, "--sessions", &sessions]).output()?;
    Ok(String::from_utf8(output.stdout)?.trim().parse()?)
}

/// Prints the bytes per session.
pub fn child(case: &str, options: &Options) -> Outcome {
    let people = options.sessions;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let before = process::resident("self")?;
    let after = match case {
        "map" => {
            let map = Map::of(people);
            let after = process::resident("self")?;
            drop(map);
            after
        }
        "roster" => {
            let roster = roster::full(people)?;
            let after = process::resident("self")?;
            drop(roster);
            after
        }
        "subscribers" | "channels" => broker::idle(case, people)?,
        _ => runtime.block_on(async {
            let presence = handle::full(people, &Shifted::default()).await?;
            if case == "everyone" {
                presence.everyone().sorted(|_| ());
            }
            process::resident("self")
        })?,
    };
    println!("{}", (after - before) as f64 / people as f64);
    Ok(())
}
