//! A worker that reacts when somebody comes or goes: it sends mails, frees seats, pauses games.

use presence_core::{Presence, Scope, Update, UserId};
use presence_memory::MemoryStore;
use std::collections::BTreeSet;
use std::error::Error;

/// What the worker reacts to.
#[derive(Debug, PartialEq, Eq)]
pub enum News {
    /// The user is online now.
    Came(UserId),
    /// The user is not online any more.
    Went(UserId),
}

/// Reacts until presence shuts down. A user of several tabs comes with the first and goes with the last.
pub async fn work(presence: Presence, mut react: impl FnMut(News)) {
    // Else a worker that starts on a running service would take everybody for a newcomer bit by bit.
    presence.ready().await;
    let mut online = BTreeSet::new();
    let mut updates = presence.subscribe(&Scope::All);
    while let Some(update) = updates.next().await {
        match update {
            // First, and whenever this worker was too slow for diffs: what is missing in between is made up for.
            Update::Snapshot(snapshot) => {
                let now: BTreeSet<UserId> = snapshot.members.keys().cloned().collect();
                online.difference(&now).cloned().for_each(|user| react(News::Went(user)));
                now.difference(&online).cloned().for_each(|user| react(News::Came(user)));
                online = now;
            }
            Update::Diff(diff) => {
                for member in &diff.joined {
                    online.insert(member.user.clone());
                    react(News::Came(member.user.clone()));
                }
                for (user, _reason) in &diff.left {
                    online.remove(user);
                    react(News::Went(user.clone()));
                }
            }
        }
    }
}

/// Prints who comes and goes; in a service it runs beside the server, in a task of its own.
#[tokio::main]
pub async fn main() -> Result<(), Box<dyn Error>> {
    let presence = Presence::builder(MemoryStore::new()).start()?;
    work(presence, |news| println!("{news:?}")).await;
    Ok(())
}
