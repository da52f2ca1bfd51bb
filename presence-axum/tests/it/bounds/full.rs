//! A store full of the largest allowed values.

use crate::rig::{Rig, START, WARM_UP};
use presence_axum::auth::{Identity, from_fn};
use presence_axum::{Limits, Mount, not_found};
use presence_core::testing::ManualClock;
use presence_core::{Beat, Declaration, Message, Meta, Presence, SessionId, Status, Topic, Topics, UserId};
use presence_memory::{MemoryBroker, MemoryStore};

/// Every character takes two bytes in JSON.
const LONG: char = '"';
/// The number of users with short names and large values.
pub const SHORT: usize = 1_000;

/// A name of this many bytes that ends in a number.
pub fn long(bytes: usize, n: usize) -> String {
    let n = n.to_string();
    let fill = LONG.to_string().repeat(bytes - n.len());
    format!("{fill}{n}")
}

/// The same, encoded for a query.
pub fn encoded(text: &str) -> String {
    text.replace(LONG, "%22")
}

/// The user with the maximum of sessions and topics, and the one with half of it.
pub fn whole() -> String {
    long(256, 1)
}

pub fn half() -> String {
    long(256, 2)
}

/// A topic with this many of the users with short names.
pub fn room(users: usize) -> String {
    long(1_024, users)
}

fn message() -> Message {
    Message::new("\u{1f600}".repeat(Message::MAX_CHARS)).unwrap()
}

fn meta() -> Meta {
    Meta::new(serde_json::json!({ "x": "y".repeat(1_016) })).unwrap()
}

async fn enter(presence: &Presence, user: &str, session: &str, topics: impl IntoIterator<Item = String>) {
    let topics = topics.into_iter().map(|topic| Topic::new(topic).unwrap());
    let beat = Beat::enter(UserId::new(user).unwrap(), SessionId::new(session).unwrap())
        .topics(Topics::new(topics).unwrap())
        .declares(Declaration::new(Status::Busy).message(message()))
        .meta(meta());
    presence.beat(beat).await.unwrap();
}

/// All routes on this store. Everybody is an administrator, so that all routes respond.
pub async fn rig() -> Rig {
    let clock = ManualClock::at(START - WARM_UP);
    let store = MemoryStore::with_clock(clock.clone());
    let app = |presence: Presence| {
        let identity = Identity::from_host(UserId::new(long(256, 3)).unwrap()).admin();
        Mount::new(presence)
            .identify(from_fn(move |_| Ok(identity.clone())))
            .broker(MemoryBroker::new())
            .limits(Limits::shared())
            .routes()
            .fallback(not_found)
    };
    let rig = Rig::built(store, clock, |builder| builder, app).await;
    for (user, sessions) in [(whole(), 64), (half(), 32)] {
        for session in 0..sessions {
            let topics = (0..16).map(|topic| long(1_024, 10_000 + 100 * session + topic));
            enter(&rig.presence, &user, &long(256, session), topics).await;
        }
    }
    for n in 0..SHORT {
        let rooms = [350, 850, SHORT].into_iter().filter(|users| n < *users).map(room);
        enter(&rig.presence, &format!("m{n}"), "tab", rooms).await;
    }
    for n in 10_000..15_000 {
        enter(&rig.presence, &long(256, n), "tab", [long(1_024, n)]).await;
    }
    rig
}
