//! Compares presence servers: ours and its peers do the same work on the same machine.
//!
//! `scripts/peers.sh` fetches and builds all of them and runs this; see BENCHMARKS.md.

#![expect(clippy::cast_precision_loss, reason = "a figure has three digits that mean something")]

mod crowd;
mod frame;
mod http;
mod peer;
mod protocol;
mod report;
mod scenario;
mod server;
mod sockudo;

use clap::Parser;
use peer::Peer;
use report::{Report, Table};
use scenario::{Scenario, Sizes};
use std::collections::BTreeSet;
use std::path::PathBuf;
use std::time::{Duration, Instant};

/// An error ends a scenario and is shown in its rows.
type Outcome<T = ()> = Result<T, Box<dyn std::error::Error>>;

/// Compares presence servers.
#[derive(Parser)]
struct Options {
    /// Run this peer only (repeatable): a name, or `url=ws://host:port/path` of a running server.
    #[arg(long)]
    peer: Vec<String>,
    /// The protocol of a running server: ours, socket.io, ws, centrifugo, phoenix or pusher.
    #[arg(long, default_value = "ours")]
    protocol: String,
    /// Run this scenario only (repeatable).
    #[arg(long)]
    scenario: Vec<String>,
    /// The number of rounds. In each round every peer runs once.
    #[arg(long, default_value_t = 5)]
    rounds: usize,
    /// Smaller sizes and one round: less than ten minutes.
    #[arg(long)]
    quick: bool,
    /// Test the driver in seconds; the figures mean nothing.
    #[arg(long)]
    smoke: bool,
    /// Write tables and plots to this folder. Results of other scenarios that are there are kept.
    #[arg(long)]
    out: Option<PathBuf>,
    /// Run nothing; write tables and plots again from the results in `--out`.
    #[arg(long, requires = "out")]
    render: bool,
}

fn main() -> Outcome {
    let options = Options::parse();
    let sockets = usize::try_from(server::open_many_files()).unwrap_or(usize::MAX).min(28_000);
    let sizes = Sizes { quick: options.quick, smoke: options.smoke, sockets };
    let rounds = if options.quick || options.smoke { 1 } else { options.rounds.max(1) };
    let peers = peers(&options)?;
    let scenarios: Vec<&Scenario> =
        scenario::ALL.iter().filter(|scenario| wants(&options, scenario)).collect();
    if scenarios.is_empty() {
        return Err(
            format!("no such scenario: {}", scenario::ALL.map(|scenario| scenario.name).join(", ")).into()
        );
    }
    let size = if options.quick { "quick" } else { "whole" };
    let about = format!("{size} sizes, a process may open {sockets} sockets");
    let mut report = Report::new(&peers, about);
    if let Some(folder) = options.out.as_ref().filter(|_| options.render) {
        return report.write(folder);
    }
    let mut failed = Vec::new();
    for scenario in scenarios {
        let table = run(scenario, &peers, rounds, &sizes, &mut failed);
        println!(
            "## {} (load {:.1})\n\n{}\n\n{}",
            table.name,
            table.load,
            table.about,
            report.markdown_of(&table)
        );
        report.add(table);
        if let Some(folder) = &options.out {
            report.write(folder)?;
        }
    }
    // A benchmark reports failures in its rows, a test fails.
    if options.smoke && !failed.is_empty() {
        return Err(failed.join("\n").into());
    }
    Ok(())
}

/// Whether a scenario is to run. Unless they are named, a smoke run leaves out those of two
/// processes, and a quick run the long ones.
fn wants(options: &Options, scenario: &Scenario) -> bool {
    if options.scenario.is_empty() {
        let is_long = scenario::LONG.contains(&scenario.name);
        return !(options.smoke && scenario.across || options.quick && is_long);
    }
    options.scenario.iter().any(|name| name == scenario.name)
}

fn peers(options: &Options) -> Outcome<Vec<Peer>> {
    let mut peers = peer::all()?;
    if options.peer.is_empty() {
        return Ok(peers);
    }
    for url in options.peer.iter().filter_map(|name| name.strip_prefix("url=")) {
        let mut peer = peer::elsewhere(url, &options.protocol)?;
        peer.name = format!("url={url}");
        peers.push(peer);
    }
    if let Some(unknown) = options.peer.iter().find(|name| !peers.iter().any(|peer| peer.name == **name)) {
        return Err(format!("no such peer: {unknown}").into());
    }
    peers.retain(|peer| options.peer.contains(&peer.name));
    Ok(peers)
}

/// A peer whose round takes longer runs in no other.
const LONG_ROUND: Duration = Duration::from_mins(3);

/// Runs all rounds of a scenario. A peer that failed is left out of later rounds: failures are
/// usually timeouts.
fn run(scenario: &Scenario, peers: &[Peer], rounds: usize, sizes: &Sizes, failed: &mut Vec<String>) -> Table {
    let mut table = Table::of(scenario);
    let (mut out, mut reasons) = (BTreeSet::new(), Vec::new());
    for round in 1..=rounds.min(scenario.rounds) {
        for peer in peers {
            if out.contains(&peer.name) {
                continue;
            }
            eprintln!("{} {round}: {}", scenario.name, peer.name);
            let start = Instant::now();
            let samples = match peer.alone.filter(|_| scenario.across) {
                Some(why) => Err(why.into()),
                None => (scenario.run)(peer, sizes),
            };
            if start.elapsed() > LONG_ROUND {
                out.insert(&peer.name);
            }
            match samples {
                Ok(samples) => {
                    let whys = || samples.iter().filter_map(|sample| sample.value.as_ref().err());
                    if whys().count() == samples.len() {
                        out.insert(&peer.name);
                    }
                    let unexpected = whys().find(|why| !why.starts_with("cannot"));
                    failed.extend(unexpected.map(|why| format!("{}, {}: {why}", scenario.name, peer.name)));
                    table.take(&peer.name, samples);
                }
                Err(why) => {
                    out.insert(&peer.name);
                    reasons.push((&peer.name, why.to_string()));
                }
            }
        }
    }
    // By now the other peers have made the rows.
    for (peer, why) in reasons {
        table.cannot(peer, &why);
        if !why.starts_with("cannot") {
            failed.push(format!("{}, {peer}: {why}", scenario.name));
        }
    }
    table
}
