//! The scenarios. Each is run for one peer at a time, and returns a sample for each of its figures.

mod beats;
mod delivery;
mod faults;
mod idle;
mod join;
mod killed;
mod list;
mod rig;
mod second;
mod store;
mod storm;

use crate::Outcome;
use crate::peer::Peer;
use std::time::Duration;

/// The unit of a figure. Less is better, unless stated otherwise.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unit {
    Millis,
    Micros,
    Kilobytes,
    Bytes,
    /// More is better.
    PerSecond,
    /// A number; more is better.
    Capacity,
    /// A number of errors.
    Number,
    /// Whether a peer has a feature.
    Yes,
}

/// One figure of one peer in one round.
pub struct Sample {
    pub what: String,
    pub unit: Unit,
    /// The value, or why there is none.
    pub value: Result<f64, String>,
}

impl Sample {
    fn new(what: impl Into<String>, unit: Unit, value: f64) -> Self {
        Self { what: what.into(), unit, value: Ok(value) }
    }

    fn millis(what: impl Into<String>, time: Duration) -> Self {
        Self::new(what, Unit::Millis, time.as_secs_f64() * 1e3)
    }

    fn none(what: impl Into<String>, unit: Unit, why: impl Into<String>) -> Self {
        Self { what: what.into(), unit, value: Err(why.into()) }
    }
}

/// The sizes of the scenarios.
#[derive(Debug, Clone, Copy)]
pub struct Sizes {
    pub quick: bool,
    /// Only tests the driver: seconds instead of minutes.
    pub smoke: bool,
    /// The number of sockets that a process may have open.
    pub sockets: usize,
}

impl Sizes {
    /// The size for a full run, or the one for a quick run; a smoke run has a hundredth.
    fn of(&self, whole: usize, quick: usize) -> usize {
        if self.smoke {
            (whole / 100).clamp(1, 100)
        } else if self.quick {
            quick
        } else {
            whole
        }
    }
}

pub struct Scenario {
    pub name: &'static str,
    /// A description of the scenario and its figures.
    pub about: &'static str,
    /// Whether two processes share a store.
    pub across: bool,
    /// The number of useful rounds: counts of errors need no median.
    pub rounds: usize,
    pub run: fn(&Peer, &Sizes) -> Outcome<Vec<Sample>>,
}

pub const ALL: [Scenario; 15] = [
    Scenario {
        name: "join",
        about: "One more user enters a room of so many; the time until half of the others, and the last of them, have \
                heard of it. One process, everybody told by name.",
        across: false,
        rounds: 5,
        run: join::alone,
    },
    Scenario {
        name: "join-across",
        about: "The same; the others are on another process, Redis is between the two.",
        across: true,
        rounds: 5,
        run: join::across,
    },
    Scenario {
        name: "storm-1000",
        about: "So many connect and enter one room at once; until those who were there before know of all of them.",
        across: false,
        rounds: 5,
        run: storm::thousand,
    },
    Scenario {
        name: "storm-10000",
        about: "The same with ten thousand. Ours and the server by hand tell a room of more than 1,000 in counts.",
        across: false,
        rounds: 5,
        run: storm::ten_thousand,
    },
    Scenario {
        name: "delivery",
        about: "A member of a room of 1,000 says 200 bytes each 100 ms.",
        across: false,
        rounds: 5,
        run: delivery::run,
    },
    Scenario {
        name: "list",
        about: "A client asks who is in a room of 10,000. Ours answers in pages of 1,000 with liveness, status and \
                message; the others in one frame of names.",
        across: false,
        rounds: 5,
        run: list::run,
    },
    Scenario {
        name: "idle",
        about: "Members who connect, enter a room of ten, and then do nothing: by how much the process grows for each.",
        across: false,
        rounds: 5,
        run: idle::run,
    },
    Scenario {
        name: "beats",
        about: "Heartbeats, 20 s after the one before: how many one core takes in a second.",
        across: false,
        rounds: 5,
        run: beats::run,
    },
    Scenario {
        name: "killed",
        about: "A process with 100 users is killed (-9); until users of another process are told that they left.",
        across: true,
        rounds: 5,
        run: killed::run,
    },
    Scenario {
        name: "second",
        about: "A second process starts beside one with 100,000 members.",
        across: true,
        rounds: 5,
        run: second::run,
    },
    Scenario {
        name: "store",
        about: "10,000 members connect to one of two processes: what Redis pays.",
        across: true,
        rounds: 5,
        run: store::run,
    },
    Scenario {
        name: "fault-reload",
        about: "Two processes with 50 users each, who all reload their page. False leaves are users who are shown to \
                leave although they are there; ghosts are users who left meanwhile and are shown 30 s later.",
        across: true,
        rounds: 1,
        run: faults::reload,
    },
    Scenario {
        name: "fault-restart",
        about: "A process is restarted, and its clients come back.",
        across: true,
        rounds: 1,
        run: faults::restart,
    },
    Scenario {
        name: "fault-store",
        about: "Redis is killed, and comes back empty: at once, or after 20 s.",
        across: true,
        rounds: 1,
        run: faults::store,
    },
    Scenario {
        name: "fault-link",
        about: "The link between one process and Redis is cut for 20 s.",
        across: true,
        rounds: 1,
        run: faults::link,
    },
];
