//! The results: a table for each scenario in Markdown and JSON, and plots.

mod plot;
mod table;

use crate::Outcome;
use crate::peer::Peer;
use crate::scenario::{self, Sample, Scenario, Unit};
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;
use std::path::Path;

/// All results.
#[derive(Debug, Default, Serialize, Deserialize)]
pub struct Report {
    /// Processors and kernel.
    pub machine: String,
    /// The sizes of the run.
    pub sizes: String,
    pub peers: Vec<About>,
    pub scenarios: Vec<Table>,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct About {
    pub name: String,
    pub about: String,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Table {
    pub name: String,
    pub about: String,
    /// The machine's load average of one minute when the scenario started.
    pub load: f64,
    pub rows: Vec<Row>,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Row {
    pub what: String,
    pub unit: String,
    pub more_is_better: bool,
    pub cells: Vec<Cell>,
}

/// One figure of one peer.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct Cell {
    pub peer: String,
    /// One sample for each round.
    pub samples: Vec<f64>,
    /// Why samples are missing.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub why: Option<String>,
}

impl Cell {
    /// Median, minimum and maximum.
    pub fn spread(&self) -> Option<(f64, f64, f64)> {
        let mut sorted = self.samples.clone();
        sorted.sort_by(f64::total_cmp);
        Some((*sorted.get(sorted.len() / 2)?, *sorted.first()?, *sorted.last()?))
    }
}

impl Table {
    pub fn of(scenario: &Scenario) -> Self {
        let load = std::fs::read_to_string("/proc/loadavg").unwrap_or_default();
        let load = load.split(' ').next().and_then(|load| load.parse().ok()).unwrap_or(f64::NAN);
        Self { name: scenario.name.to_owned(), about: scenario.about.to_owned(), load, rows: Vec::new() }
    }

    /// Adds the samples of a peer's round.
    pub fn take(&mut self, peer: &str, samples: Vec<Sample>) {
        for Sample { what, unit, value } in samples {
            let cell = self.cell(&what, unit, peer);
            match value {
                Ok(value) => cell.samples.push(value),
                Err(why) => cell.why = Some(why),
            }
        }
    }

    /// Gives the reason in each row in which the peer has no samples.
    pub fn cannot(&mut self, peer: &str, why: &str) {
        if self.rows.is_empty() {
            self.rows.push(Row::new(&self.name, Unit::Yes));
        }
        for row in &mut self.rows {
            let cell = row.cell(peer);
            cell.why.get_or_insert_with(|| why.to_owned());
        }
    }

    /// Replaces the results of the peers in a newer table.
    fn update(&mut self, newer: &Self) {
        let measured: BTreeSet<&str> =
            newer.rows.iter().flat_map(|row| &row.cells).map(|cell| cell.peer.as_str()).collect();
        let mut rows = newer.rows.clone();
        for mut old in std::mem::take(&mut self.rows) {
            old.cells.retain(|cell| !measured.contains(cell.peer.as_str()));
            match rows.iter_mut().find(|row| row.what == old.what) {
                Some(row) => row.cells.extend(old.cells),
                None if old.cells.is_empty() => {}
                None => rows.push(old),
            }
        }
        self.load = self.load.max(newer.load);
        self.rows = rows;
    }

    fn cell(&mut self, what: &str, unit: Unit, peer: &str) -> &mut Cell {
        let at = self.rows.iter().position(|row| row.what == what).unwrap_or_else(|| {
            self.rows.push(Row::new(what, unit));
            self.rows.len() - 1
        });
        self.rows[at].cell(peer)
    }
}

impl Row {
    fn new(what: &str, unit: Unit) -> Self {
        let (unit, more_is_better) = match unit {
            Unit::Millis => ("ms", false),
            Unit::Micros => ("us", false),
            Unit::Kilobytes => ("kB", false),
            Unit::Bytes => ("B", false),
            Unit::PerSecond => ("/s", true),
            Unit::Capacity => ("", true),
            Unit::Errors => ("", false),
            Unit::Yes => ("yes", true),
        };
        Self { what: what.to_owned(), unit: unit.to_owned(), more_is_better, cells: Vec::new() }
    }

    fn cell(&mut self, peer: &str) -> &mut Cell {
        let at = self.cells.iter().position(|cell| cell.peer == peer).unwrap_or_else(|| {
            self.cells.push(Cell { peer: peer.to_owned(), ..Cell::default() });
            self.cells.len() - 1
        });
        &mut self.cells[at]
    }
}

impl Report {
    pub fn new(peers: &[Peer], sizes: String) -> Self {
        let about = |peer: &Peer| About { name: peer.name.clone(), about: peer.about.to_owned() };
        Self { machine: machine(), sizes, peers: peers.iter().map(about).collect(), scenarios: Vec::new() }
    }

    /// Adds a table. Of an older one of the same scenario, the results of other peers are kept.
    pub fn add(&mut self, table: Table) {
        match self.scenarios.iter_mut().find(|old| old.name == table.name) {
            Some(old) => old.update(&table),
            None => self.scenarios.push(table),
        }
    }

    /// Writes tables and plots into a folder. Results of other scenarios and peers that are there are
    /// kept if they are of the same machine and sizes.
    pub fn write(&self, folder: &Path) -> Outcome {
        std::fs::create_dir_all(folder)?;
        let file = folder.join("peers.json");
        let mut all: Self = match std::fs::read_to_string(&file) {
            Ok(text) => serde_json::from_str(&text)?,
            Err(_) => Self::default(),
        };
        if (&all.machine, &all.sizes) != (&self.machine, &self.sizes) {
            all = Self { machine: self.machine.clone(), sizes: self.sizes.clone(), ..Self::default() };
        }
        for peer in &self.peers {
            if !all.peers.iter().any(|old| old.name == peer.name) {
                all.peers.push(peer.clone());
            }
        }
        self.scenarios.iter().for_each(|table| all.add(table.clone()));
        for table in &mut all.scenarios {
            let scenario = scenario::ALL.iter().find(|scenario| scenario.name == table.name);
            table.about = scenario.map_or_else(|| table.about.clone(), |scenario| scenario.about.to_owned());
        }
        // The order of a whole run.
        let place = |name: &str| scenario::ALL.iter().position(|scenario| scenario.name == name);
        all.scenarios.sort_by_key(|table| place(&table.name));
        for peer in &mut all.peers {
            if let Some(new) = self.peers.iter().find(|new| new.name == peer.name) {
                peer.about.clone_from(&new.about);
            }
        }
        std::fs::write(&file, serde_json::to_string_pretty(&all)? + "\n")?;
        std::fs::write(folder.join("peers.md"), table::markdown(&all))?;
        for (name, svg) in plot::all(&all) {
            std::fs::write(folder.join(name), svg)?;
        }
        Ok(())
    }

    /// One table, in Markdown.
    pub fn markdown_of(&self, table: &Table) -> String {
        table::of(table, &self.peers)
    }
}

/// Processors and kernel.
fn machine() -> String {
    let read = |file: &str| std::fs::read_to_string(file).unwrap_or_default();
    let cpuinfo = read("/proc/cpuinfo");
    let model = cpuinfo.lines().find_map(|line| line.strip_prefix("model name")?.split_once(": "));
    let kernel = read("/proc/sys/kernel/osrelease");
    let kernel = kernel.trim().split('-').next().unwrap_or_default().to_owned();
    let count = std::thread::available_parallelism().map_or(1, usize::from);
    format!("{count} processors of {}, Linux {kernel}", model.map_or("an unknown model", |(_, name)| name))
}

#[cfg(test)]
mod tests;
