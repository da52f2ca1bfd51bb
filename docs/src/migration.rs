//! The four basic calls of a presence service, with their names in other products.

use futures_util::{Stream, StreamExt};
use presence_core::{Beat, Hold, Meta, Presence, Scope, SessionId, Topic, Topics, Update, UserId};
use presence_memory::MemoryStore;
use std::collections::BTreeMap;
use std::error::Error;

/// Phoenix `track`, a subscription to Pusher's `presence-` channel, socket.io `socket.join(room)`.
///
/// The user is present until the value is dropped: keep it with the connection.
pub fn track(
    presence: &Presence,
    room: &str,
    user: &str,
    connection: &str,
    meta: serde_json::Value,
) -> Result<Hold, Box<dyn Error>> {
    let beat = Beat::enter(UserId::new(user)?, SessionId::new(connection)?);
    let topics = Topics::new([Topic::new(room)?])?;
    Ok(presence.hold(beat.topics(topics).meta(Meta::new(meta)?))?)
}

/// Phoenix `list`, Centrifugo `presence`, Pusher `members`: each user once, with the newest meta.
pub fn list(presence: &Presence, room: &Topic) -> BTreeMap<String, Option<serde_json::Value>> {
    let here = presence.topic(room).snapshot();
    let meta = |meta: &Option<Meta>| meta.as_ref().map(|meta| meta.value().clone());
    here.members.values().map(|member| (member.user.to_string(), meta(&member.meta))).collect()
}

/// Centrifugo `presence_stats`, Pusher `subscription_count`: reads a counter.
pub fn count(presence: &Presence, room: &Topic) -> u32 {
    presence.topic(room).counts().online
}

/// Phoenix `handle_diff`, Pusher `member_added`/`member_removed`, Centrifugo `join`/`leave`.
pub async fn next_diff<S: Stream<Item = Update> + Unpin>(
    updates: &mut S,
) -> Option<(Vec<UserId>, Vec<UserId>)> {
    loop {
        if let Update::Diff(diff) = updates.next().await? {
            let joined = diff.joined.iter().map(|member| member.user.clone()).collect();
            return Some((joined, diff.left.iter().map(|(user, _)| user.clone()).collect()));
        }
    }
}

/// Tracks one connection, and shows what the others see.
#[tokio::main]
pub async fn main() -> Result<(), Box<dyn Error>> {
    let presence = Presence::builder(MemoryStore::new()).start()?;
    let room = Topic::new("lobby")?;
    let mut updates = presence.subscribe(&Scope::Topic(room.clone()));
    let _ada = track(&presence, "lobby", "ada", "socket-1", serde_json::json!({ "name": "Ada" }))?;
    println!("came and went: {:?}", next_diff(&mut updates).await);
    println!("{} here: {:?}", count(&presence, &room), list(&presence, &room));
    Ok(())
}
