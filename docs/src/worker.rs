//! A worker that reacts to joins and leaves: it sends mails, frees seats, pauses games.

use presence_core::{Presence, Scope, Update, UserId};
use presence_memory::MemoryStore;
use std::collections::BTreeSet;
use std::error::Error;

/// The events that the worker reacts to.
#[derive(Debug, PartialEq, Eq)]
pub enum Event {
    /// The user is online now.
    Joined(UserId),
    /// The user is not online any more.
    Left(UserId),
}

/// Reacts until presence shuts down. A user joins with the first tab and leaves with the last.
pub async fn work(presence: Presence, mut react: impl FnMut(Event)) {
    // Otherwise a worker that starts late would report the existing users as new ones, bit by bit.
    presence.ready().await;
    let mut online = BTreeSet::new();
    let mut updates = presence.subscribe(&Scope::All);
    while let Some(update) = updates.next().await {
        match update {
            // At the start, and after this worker was too slow for diffs: reports the difference.
            Update::Snapshot(snapshot) => {
                let now: BTreeSet<UserId> = snapshot.members.keys().cloned().collect();
                online.difference(&now).cloned().for_each(|user| react(Event::Left(user)));
                now.difference(&online).cloned().for_each(|user| react(Event::Joined(user)));
                online = now;
            }
            Update::Diff(diff) => {
                for member in &diff.joined {
                    online.insert(member.user.clone());
                    react(Event::Joined(member.user.clone()));
                }
                for (user, _reason) in &diff.left {
                    online.remove(user);
                    react(Event::Left(user.clone()));
                }
            }
        }
    }
}

/// Prints joins and leaves; in a service, run it in a task of its own.
#[tokio::main]
pub async fn main() -> Result<(), Box<dyn Error>> {
    let presence = Presence::builder(MemoryStore::new()).start()?;
    work(presence, |event| println!("{event:?}")).await;
    Ok(())
}
