//! What to run, and how large.

use crate::Outcome;

/// The words on the command line.
pub const USAGE: &str = "\
usage: bench roster [options]
  --sessions N   sessions in the roster (1000000)
  --only PART    of roster: entering, beats, threads, handle, time, lists or memory
  --rounds N     how often each measurement is repeated, in turn with its limit (5)
  --quick        everything a tenth as large, for a look";

/// Which benchmark.
pub enum What {
    /// The roster, the handle on the memory store, lists and memory.
    Roster,
    /// One case of the memory measurement, in a process of its own.
    Memory(String),
}

/// What to run, and how large.
pub struct Options {
    pub what: What,
    pub sessions: usize,
    pub rounds: usize,
    only: Option<String>,
}

impl Options {
    pub fn parse(mut words: impl Iterator<Item = String>) -> Outcome<Self> {
        let what = match words.next().as_deref() {
            Some("roster") => What::Roster,
            Some("memory") => What::Memory(words.next().ok_or(USAGE)?),
            _ => return Err(USAGE.into()),
        };
        let mut options = Self { what, sessions: 1_000_000, rounds: 5, only: None };
        while let Some(word) = words.next() {
            match word.as_str() {
                "--sessions" => options.sessions = words.next().ok_or(USAGE)?.parse()?,
                "--rounds" => options.rounds = words.next().ok_or(USAGE)?.parse::<usize>()?.max(1),
                "--only" => options.only = Some(words.next().ok_or(USAGE)?),
                "--quick" => options.sessions /= 10,
                _ => return Err(USAGE.into()),
            }
        }
        Ok(options)
    }

    /// Whether a part is asked for.
    pub fn wants(&self, part: &str) -> bool {
        self.only.as_deref().is_none_or(|only| only == part)
    }
}
