//! Reading, setting and clearing statuses.

use crate::Shown;
use crate::lookaside::{Lookaside, in_time};
use crate::status::{Wanted, cleared};
use presence_core::store::{self, BATCH_ENTRIES, Kind, PresenceStore, Session};
use presence_core::{NodeId, UserId};
use std::sync::Arc;
use std::time::Duration;

/// The time limit for a probe of the store.
const PROBE: Duration = Duration::from_secs(2);

/// Reads through the cache, and writes to the store. Cheap to clone.
///
/// A write is either confirmed by the store or an error. Nothing is kept to be written later, so a
/// write that returned an error does not take effect minutes later. A write that timed out may have
/// taken effect, as with any store.
#[derive(Clone)]
pub struct Statuses {
    store: Arc<dyn PresenceStore>,
    lookaside: Lookaside,
    node: NodeId,
}

impl Statuses {
    /// Statuses in this store, written in the name of this node.
    pub fn new(store: Arc<dyn PresenceStore>, lookaside: Lookaside, node: NodeId) -> Self {
        Self { store, lookaside, node }
    }

    /// The reading side.
    pub fn lookaside(&self) -> &Lookaside {
        &self.lookaside
    }

    /// The name of this node.
    pub fn node(&self) -> &NodeId {
        &self.node
    }

    /// Sets statuses. Returns what is stored, in the same order; of two for one user,
    /// the later one.
    ///
    /// # Errors
    /// [`store::Error`]: the store has not confirmed them, any of them may be stored.
    pub async fn set(&self, wanted: Vec<Wanted>) -> store::Result<Vec<Arc<Shown>>> {
        let users: Vec<UserId> = wanted.iter().map(|wanted| wanted.user.clone()).collect();
        // Not from the cache, because another node may have written a moment ago. If the store
        // cannot be read, nothing is written: the client would deliver the write when the link is
        // back.
        let mut held = self.lookaside.held(&users).await?;
        for wanted in wanted {
            let user = wanted.user.clone();
            let now = self.lookaside.time(&user).await?;
            let session = wanted.session(held.get(&user), &self.node, now);
            held.insert(user, session);
        }
        let sessions: Vec<Session> = users.iter().filter_map(|user| held.get(user).cloned()).collect();
        self.put(sessions).await
    }

    /// Clears a user's status. It is no error if there is none.
    ///
    /// # Errors
    /// [`store::Error`]: the store has not confirmed it.
    pub async fn clear(&self, user: &UserId) -> store::Result<()> {
        let held = self.lookaside.held(std::slice::from_ref(user)).await?.remove(user);
        let Some(held) = held else { return Ok(()) };
        match cleared(held, self.lookaside.time(user).await?) {
            Some(session) => self.put(vec![session]).await.map(drop),
            None => Ok(()),
        }
    }

    /// Checks that the store answers, by reading a user who does not exist.
    ///
    /// # Errors
    /// [`store::Error`] when it does not.
    pub async fn probe(&self) -> store::Result<()> {
        let nobody = UserId::new(" ").map_err(|_| store::Error::new(Kind::Rejected, "no name"))?;
        let answer = tokio::time::timeout(PROBE, self.lookaside.held(&[nobody])).await;
        answer.unwrap_or_else(|_| Err(store::Error::new(Kind::Timeout, "no answer in time"))).map(drop)
    }

    async fn put(&self, sessions: Vec<Session>) -> store::Result<Vec<Arc<Shown>>> {
        for batch in sessions.chunks(BATCH_ENTRIES) {
            if let Err(error) = in_time(self.store.put(batch)).await {
                // The store may have written them all the same, and a watch need not report a
                // process's own writes.
                self.lookaside.drop_uncertain(&sessions);
                return Err(error);
            }
        }
        Ok(sessions.into_iter().map(|session| self.lookaside.learn(session)).collect())
    }
}
