//! The options of a run.

use crate::Outcome;

/// The usage on the command line.
pub const USAGE: &str = "\
usage: bench roster|hit|instructions|sse|ws|redis|nats|broker|rest|pages|jobs|attacks|all [options]
       bench peers [options of scripts/peers.sh, which it runs: --help]
  --rounds N     how often each measurement is repeated, in turn with its limit (5)
  --quick        everything smaller, for a look
  --sessions N   of roster: sessions in it (1000000)
  --clients N    of sse, ws, pages and jobs: how many readers (1000)
  --only PART    of roster: entering, beats, threads, handle, time, virtual, lists
                 or memory;
                 of instructions: nothing, reads, mount, mount-full, active-idle, status,
                 new-status, beats, overwrite, sessions or roster;
                 of redis: calls, batches, feed, load or resync;
                 of nats: puts, touches, feed, load or reads;
                 of attacks: nobody, sessions, ids, fat, slow, topics, tabs, users, files or rooms
  --seconds N    of attacks: how long each lasts (60)
  --shards N     of redis: into how many shards the store cuts (its default)
  --valkey       of redis and broker: on Valkey
  --file         of nats: sessions in files, not in memory";

/// The benchmarks.
pub enum What {
    /// The roster, the handle on the memory store, lists and memory.
    Roster,
    /// `POST /v1/hit`.
    Hit,
    /// Instructions of a hit and of a beat.
    Instructions,
    /// Lists and diffs over Server-Sent Events.
    Sse,
    /// Sockets of one room.
    Ws,
    /// The Redis store.
    Redis,
    /// The NATS store.
    Nats,
    /// Messages through brokers.
    Broker,
    /// The service hub-and-spoke.
    Rest,
    /// Hits of page-hits on Redis, and viewers.
    Pages,
    /// Streams of job status.
    Jobs,
    /// Attacks on a service; not part of `All`.
    Attacks,
    /// Other presence servers beside ours; not part of `All`. The arguments of `scripts/peers.sh`.
    Peers(Vec<String>),
    /// All of these except the attacks and the peers.
    All,
    /// One case of the memory measurement, in a process of its own.
    Memory(String),
    /// A measured server in a process of its own: its name and its size.
    Served(String, usize),
}

/// What to run, and its size.
pub struct Options {
    pub what: What,
    pub sessions: usize,
    pub clients: usize,
    pub rounds: usize,
    pub seconds: u64,
    pub quick: bool,
    pub shards: Option<u16>,
    pub valkey: bool,
    pub file: bool,
    only: Option<String>,
}

impl Options {
    pub fn parse(mut words: impl Iterator<Item = String>) -> Outcome<Self> {
        let mut word = || words.next().ok_or(USAGE);
        let what = match word()?.as_str() {
            "peers" => What::Peers(std::iter::from_fn(|| word().ok()).collect()),
            "roster" => What::Roster,
            "hit" => What::Hit,
            "instructions" => What::Instructions,
            "sse" => What::Sse,
            "ws" => What::Ws,
            "redis" => What::Redis,
            "nats" => What::Nats,
            "broker" => What::Broker,
            "rest" => What::Rest,
            "pages" => What::Pages,
            "jobs" => What::Jobs,
            "attacks" => What::Attacks,
            "all" => What::All,
            "memory" => What::Memory(word()?),
            "served" => What::Served(word()?, word()?.parse()?),
            _ => return Err(USAGE.into()),
        };
        let (sessions, clients, rounds, seconds) = (1_000_000, 1_000, 5, 60);
        let (quick, valkey, file, shards, only) = (false, false, false, None, None);
        let mut options =
            Self { what, sessions, clients, rounds, seconds, quick, shards, valkey, file, only };
        while let Some(word) = words.next() {
            let mut value = || words.next().ok_or(USAGE);
            match word.as_str() {
                "--sessions" => options.sessions = value()?.parse()?,
                "--clients" => options.clients = value()?.parse::<usize>()?.max(10),
                "--rounds" => options.rounds = value()?.parse::<usize>()?.max(1),
                "--seconds" => options.seconds = value()?.parse::<u64>()?.max(1),
                "--only" => options.only = Some(value()?),
                "--shards" => options.shards = Some(value()?.parse()?),
                "--valkey" => options.valkey = true,
                "--file" => options.file = true,
                "--quick" => options.quick = true,
                _ => return Err(USAGE.into()),
            }
        }
        if options.quick {
            options.sessions /= 10;
        }
        Ok(options)
    }

    /// Whether a part was requested.
    pub fn wants(&self, part: &str) -> bool {
        self.only.as_deref().is_none_or(|only| only == part)
    }
}
