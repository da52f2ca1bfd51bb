//! The scenarios. A scenario runs for one peer at a time and returns a sample of each
//! of its figures.

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

/// The unit of a figure. Less is better unless the variant is documented otherwise.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unit {
    Millis,
    Micros,
    Kilobytes,
    Bytes,
    /// More is better.
    PerSecond,
    /// A plain number; more is better.
    Capacity,
    /// A count of errors.
    Errors,
    /// A feature that a peer has.
    Yes,
}

/// One figure of one peer in one round.
pub struct Sample {
    pub what: String,
    pub unit: Unit,
    /// The reason if there is no value; one that begins with `cannot` is a property of the peer.
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

/// The sizes of a run.
#[derive(Debug, Clone, Copy)]
pub struct Sizes {
    pub quick: bool,
    /// A run of seconds that tests the driver and measures nothing of use.
    pub smoke: bool,
    /// The number of sockets that a process may have open.
    pub sockets: usize,
}

impl Sizes {
    /// `whole`, `quick` in a quick run, or a hundredth of `whole` in a smoke run.
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
    /// The description in the report.
    pub about: &'static str,
    /// Whether it needs two processes that share a store.
    pub across: bool,
    /// The maximum number of rounds.
    pub rounds: usize,
    pub run: fn(&Peer, &Sizes) -> Outcome<Vec<Sample>>,
}

/// Scenarios of minutes, which a quick run leaves out unless they are named.
pub const LONG: [&str; 4] = ["fault-reload", "fault-restart", "fault-store", "fault-link"];

pub const ALL: [Scenario; 15] = [
    Scenario {
        name: "join",
        about: "One user enters a room of so many members. Time until half of them, and until the \
                last of them, have received the change. One process; every room is sent with names.",
        across: false,
        rounds: 5,
        run: join::alone,
    },
    Scenario {
        name: "join-across",
        about: "The same, with the members on a second process that shares Redis with the first.",
        across: true,
        rounds: 5,
        run: join::across,
    },
    Scenario {
        name: "storm-1000",
        about: "1,000 users connect and enter one room at once. Time until the three members who \
                were there before know all of them.",
        across: false,
        rounds: 5,
        run: storm::thousand,
    },
    Scenario {
        name: "storm-10000",
        about: "The same with 10,000 users. Ours and ws send counts instead of names to rooms of \
                more than 1,000.",
        across: false,
        rounds: 5,
        run: storm::ten_thousand,
    },
    Scenario {
        name: "delivery",
        about: "A member of a room of 1,000 sends a message of 200 bytes every 100 ms.",
        across: false,
        rounds: 5,
        run: delivery::run,
    },
    Scenario {
        name: "list",
        about: "A client requests the members of a room of 10,000. Ours answers pages of 1,000 with \
                liveness, status and message, the others one frame of names.",
        across: false,
        rounds: 5,
        run: list::run,
    },
    Scenario {
        name: "idle",
        about: "Connections that enter a room of ten and then do nothing: by how much the resident \
                memory of the process grows for each.",
        across: false,
        rounds: 5,
        run: idle::run,
    },
    Scenario {
        name: "beats",
        about: "Heartbeats, each 20 s after the one before: how many one core handles in a second.",
        across: false,
        rounds: 5,
        run: beats::run,
    },
    Scenario {
        name: "killed",
        about: "A process with 100 users is killed (SIGKILL). Time until users of the other process \
                see that they left.",
        across: true,
        rounds: 5,
        run: killed::run,
    },
    Scenario {
        name: "second",
        about: "A second process starts while Redis holds 100,000 members.",
        across: true,
        rounds: 5,
        run: second::run,
    },
    Scenario {
        name: "store",
        about: "10,000 members connect to one of two processes: the cost to Redis.",
        across: true,
        rounds: 5,
        run: store::run,
    },
    Scenario {
        name: "fault-reload",
        about: "Two processes with 50 users each, all of whom reload their page. False leaves: users \
                who are shown to leave although they are connected, or reconnect within a second. \
                Ghosts: users who left during the fault and are still shown 30 s after it.",
        across: true,
        rounds: 5,
        run: faults::reload,
    },
    Scenario {
        name: "fault-restart",
        about: "The same while one process is restarted (SIGTERM) and its clients reconnect.",
        across: true,
        rounds: 5,
        run: faults::restart,
    },
    Scenario {
        name: "fault-store",
        about: "The same while Redis is killed and comes back empty, at once or after 20 s.",
        across: true,
        rounds: 5,
        run: faults::store,
    },
    Scenario {
        name: "fault-link",
        about: "The same while the link between one process and Redis is cut for 20 s.",
        across: true,
        rounds: 5,
        run: faults::link,
    },
];
