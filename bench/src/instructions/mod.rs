//! Instructions and allocations of a hit and of a beat. These figures are reproducible on any
//! machine, whereas times depend on caches.
//!
//! Each case runs a process under callgrind that does the same work a number of times, and another
//! that does it three times as often; the difference is the cost.

mod profile;

use crate::limit::{Map, Sessions};
use crate::people::{self, Order};
use crate::process::Served;
use crate::report::{self, Target};
use crate::requests::{self, Requests};
use crate::roster::{self, BEAT_EVERY, START};
use crate::{Outcome, options::Options, rest};
use presence_core::Presence;
use presence_core::roster::BeatSource;
use profile::Profile;
use std::hint::black_box;

/// A case, its allowed cost, and its requests.
struct Case {
    name: &'static str,
    what: &'static str,
    asks: Asks,
}

enum Asks {
    /// Hits as pages send them to the mount.
    Mount,
    /// The same, each with a token.
    Token,
    /// Hits as pages send them to active-idle.
    ActiveIdle,
    /// Queries of one user's status in hub-and-spoke.
    Status,
    /// Writes of one user's status in hub-and-spoke.
    NewStatus,
    /// No requests: the process does the work by itself.
    Itself,
}

const CASES: [Case; 11] = [
    Case { name: "nothing", what: "a handler that does nothing", asks: Asks::Mount },
    Case { name: "reads", what: "a handler that reads the body and answers JSON", asks: Asks::Mount },
    Case { name: "mount", what: "POST /v1/hit of the mount", asks: Asks::Mount },
    Case { name: "mount-full", what: "the same, with tokens, limits and metrics", asks: Asks::Token },
    Case { name: "active-idle", what: "POST /v1/hit of active-idle", asks: Asks::ActiveIdle },
    Case { name: "status", what: "GET of one status of hub-and-spoke, on memory", asks: Asks::Status },
    Case { name: "new-status", what: "POST of one status, on memory", asks: Asks::NewStatus },
    Case { name: "beats", what: "Presence::beat that renews, on memory", asks: Asks::Itself },
    Case { name: "overwrite", what: "an overwrite in a plain map", asks: Asks::Itself },
    Case { name: "sessions", what: "the same, by two ids made as for a beat", asks: Asks::Itself },
    Case { name: "roster", what: "Roster::beat that renews", asks: Asks::Itself },
];

/// The number of users, each with a session.
const USERS: usize = 1_000;
/// How often every user does it in the shorter run; three times as often in the longer one.
const ROUNDS: usize = 5;

pub fn run(options: &Options) -> Outcome {
    report::head(&format!("instructions, {USERS} users, one connection"), 1);
    let (mut limit, mut sessions) = (None, None);
    for case in CASES.iter().filter(|case| options.wants(case.name)) {
        let (instructions, allocations) = cost(case)?;
        let (target, most_allocations) = match case.name {
            "beats" => (Target::ValueAtMost(2_500.0), Target::ValueAtMost(0.01)),
            "roster" => (Target::AtMost(1.3), Target::None),
            _ => (Target::None, Target::None),
        };
        let what = format!("{}, instructions", case.what);
        match limit {
            Some(limit) if !matches!(case.name, "beats" | "overwrite" | "sessions") => {
                report::beside(&what, (instructions, limit), "", instructions / limit, &target);
            }
            _ => report::alone(&what, instructions, "", &target),
        }
        if let Some(limit) = sessions {
            let what = "the same, beside an overwrite by two ids";
            report::beside(what, (instructions, limit), "", instructions / limit, &target);
        }
        report::alone(&format!("{}, allocations", case.what), allocations, "", &most_allocations);
        match case.name {
            "nothing" | "overwrite" => limit = Some(instructions),
            "sessions" => sessions = Some(instructions),
            _ => {}
        }
    }
    Ok(())
}

/// Instructions and allocations of one operation.
fn cost(case: &Case) -> Outcome<(f64, f64)> {
    let [short, long] = [ROUNDS, 3 * ROUNDS].map(|rounds| once(case, rounds));
    let (short, long) = (short?, long?);
    let each = |of: fn(&Profile) -> u64| (of(&long) as f64 - of(&short) as f64) / (2 * ROUNDS * USERS) as f64;
    Ok((each(|profile| profile.instructions), each(|profile| profile.allocations)))
}

fn once(case: &Case, rounds: usize) -> Outcome<Profile> {
    let profile = std::env::temp_dir().join(format!("presence-{}-{rounds}.callgrind", case.name));
    let mut server = Served::profiled(case.name, rounds, &profile)?;
    let token = rest::token("root")?;
    let status = |user| rest::requests::post(&token, user);
    let requests = |kind| match case.asks {
        Asks::Status if kind == "beat" => Some(Requests::of(USERS, |user| rest::requests::one(&token, user))),
        Asks::Status | Asks::NewStatus => Some(Requests::of(USERS, status)),
        Asks::Mount => Some(Requests::of(USERS, |user| requests::hit(&requests::mount(kind, user)))),
        Asks::Token => {
            Some(Requests::of(USERS, |user| requests::hit_by_token(kind, user).unwrap_or_default()))
        }
        Asks::ActiveIdle => Some(Requests::of(USERS, |user| requests::hit(&requests::active_idle(user)))),
        Asks::Itself => None,
    };
    if let Some((first, then)) = requests("enter").zip(requests("beat")) {
        let mut client = crate::client::Client::connect(server.address, 1)?;
        client.send(&first)?;
        for _ in 0..rounds {
            server.jump()?;
            client.send(&then)?;
        }
    }
    server.finish()?;
    let read = Profile::read(&profile)?;
    std::fs::remove_file(profile)?;
    Ok(read)
}

/// All users beat, every 30 s; each beat renews.
pub async fn beats(presence: &Presence, jump: impl Fn(), rounds: usize) -> Outcome {
    let topics = people::topics();
    for user in 0..USERS {
        presence.beat(people::enters(user, &topics)).await?;
    }
    let beats: Vec<_> = (0..USERS).map(people::renews).collect();
    for _ in 0..rounds {
        jump();
        for beat in &beats {
            presence.beat(beat.clone()).await?;
        }
    }
    Ok(())
}

/// The same on a roster alone.
pub fn roster_beats(rounds: usize) -> Outcome {
    let (roster, mut now) = (roster::full(USERS)?, START);
    for _ in 0..rounds {
        now = now + BEAT_EVERY;
        for user in 0..USERS {
            let _ = black_box(roster.beat(&people::renews(user), BeatSource::Beat, 0, now));
        }
    }
    Ok(())
}

/// The values of all users in a plain map are overwritten.
pub fn overwrites(rounds: usize) {
    Map::of(USERS).beat(&mut Order::Once(0), rounds * USERS, &mut 0);
}

/// The times of all sessions in a plain map are overwritten, in the order of
/// [`roster_beats`].
pub fn session_overwrites(rounds: usize) {
    let (mut sessions, mut now) = (Sessions::of(USERS, START), START);
    for _ in 0..rounds {
        now = now + BEAT_EVERY;
        (0..USERS).for_each(|user| sessions.beat(user, now));
    }
    black_box(&sessions);
}
