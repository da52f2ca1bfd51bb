//! Simulated users, on request: they arrive within seconds, move between topics, and leave
//! after a minute.

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use presence_axum::wire::json;
use presence_core::{Activity, Beat, Leave, Presence, SessionId, SessionKey, Status, Topic, Topics, UserId};
use serde_json::json;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

/// The number of simulated users.
const PEOPLE: usize = 200;
/// The duration of a round of the simulation, and the number of rounds.
const ROUND: Duration = Duration::from_millis(250);
const ROUNDS: usize = 240;
/// The number of heartbeats per round: each user sends one every 5 s.
const BEATS: usize = PEOPLE / 20;
const ROOMS: [&str; 3] = ["lobby", "library", "workshop"];
const NAMES: [&str; 20] = [
    "Amara", "Björn", "Chidi", "Dalia", "Emeka", "Freya", "Goran", "Hana", "Imran", "Júlia", "Kenji",
    "Leila", "Mateo", "Nadia", "Oksana", "Priya", "Quinn", "Rosa", "Sanjay", "Tova",
];

/// Whether a simulation is running.
#[derive(Debug, Clone, Default)]
pub(crate) struct Crowd(Arc<AtomicBool>);

/// `POST /crowd`: starts the simulation unless it is running.
pub(crate) async fn post(State(presence): State<Presence>, State(crowd): State<Crowd>) -> Response {
    if !crowd.0.swap(true, Ordering::AcqRel) {
        tokio::spawn(simulate(presence, crowd));
    }
    json(StatusCode::ACCEPTED, &json!({"people": PEOPLE, "seconds": ROUNDS / 4}))
}

/// A simple pseudo-random generator; its quality does not matter here.
struct Luck(u64);

impl Luck {
    fn below(&mut self, n: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(self.0 >> 33).unwrap_or_default() % n
    }
}

fn person(i: usize) -> Option<SessionKey> {
    let name = format!("{} {}", NAMES[i % NAMES.len()], i / NAMES.len() + 1);
    Some(SessionKey { user: UserId::new(&name).ok()?, id: SessionId::new("simulated").ok()? })
}

async fn simulate(presence: Presence, crowd: Crowd) {
    let clock = Arc::clone(presence.clock());
    let mut luck = Luck(clock.now().as_millis());
    let mut came = 0;
    for round in 0..ROUNDS {
        // The users arrive during the first five seconds.
        let arrived = (PEOPLE * (round + 1) / 20).min(PEOPLE);
        for i in came..arrived {
            step(&presence, i, true, &mut luck).await;
        }
        came = arrived;
        for nth in 0..BEATS {
            let i = (round * BEATS + nth) % PEOPLE;
            if i < came {
                step(&presence, i, false, &mut luck).await;
            }
        }
        clock.sleep_until(clock.now() + ROUND).await;
    }
    for i in 0..PEOPLE {
        if let Some(key) = person(i) {
            // If the store refuses the leave, the lease ends anyway.
            let _ = presence.leave(Leave::new(key.user, key.id).immediately()).await;
        }
    }
    crowd.0.store(false, Ordering::Release);
}

/// The heartbeat of one user, who sometimes moves, rests or declares a status.
async fn step(presence: &Presence, i: usize, enters: bool, luck: &mut Luck) {
    let Some(SessionKey { user, id }) = person(i) else { return };
    let mut beat = if enters { Beat::enter(user, id) } else { Beat::renew(user, id) };
    if enters || luck.below(6) == 0 {
        let room = Topic::new(ROOMS[luck.below(ROOMS.len())]).ok();
        if let Some(topics) = room.and_then(|room| Topics::new([room]).ok()) {
            beat = beat.topics(topics);
        }
    }
    let activity = if luck.below(3) == 0 { Activity::Unknown } else { Activity::Ago(Duration::ZERO) };
    beat = beat.activity(activity);
    if luck.below(20) == 0 {
        beat = beat.declares(if luck.below(2) == 0 { Status::Busy } else { Status::Online });
    }
    // A lost heartbeat does not matter.
    let _ = presence.beat(beat).await;
}
