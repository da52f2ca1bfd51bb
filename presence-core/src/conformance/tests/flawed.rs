//! Broken stores, each of which violates one clause.

mod feeds;
mod workshop;

pub(super) use workshop::Workshop;

use super::super::{Cannot, Harness, ReferenceStore};
use crate::model::{Block, Session, SessionKey, UserId, UserRecord};
use crate::store::{Facts, FeedEvent, ForgetIf, Misses, PresenceStore, Result, Touch};
use crate::time::{Clock, ManualClock, SILENCE, Timestamp};
use async_trait::async_trait;
use feeds::{spoil_feed, spoil_time};
use futures_util::future::ready;
use futures_util::stream::{self, BoxStream, StreamExt};
use parking_lot::Mutex;
use std::collections::{BTreeSet, HashMap};
use std::slice;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

/// The flaw of a store.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Flaw {
    PutOverwrites,
    LastPutWinsATie,
    RepeatsInABatchAreLost,
    LargeBatchesAreCut,
    TouchGoesBackwards,
    TouchCreates,
    TouchHidesTheDeparted,
    NodesDoNotDrain,
    FactsLackNodes,
    ForgetIgnoresWhatWasSeen,
    ForgetIgnoresNodes,
    LoadIsUnsorted,
    WatchLosesAPut,
    WatchLosesTouches,
    WatchLosesForgets,
    RememberOverwrites,
    ErasingKeepsWhatWasSeen,
    WatchLosesRecords,
    LoadLacksRecords,
    ForgetDropsAnyRecord,
    SyncedComesTooEarly,
    TimeIsProvenTooEarly,
    ProofsOnlyRead,
    TimeIsTheClocks,
    StretchesAreTheFeeds,
    LossesLeaveNoStretch,
    OneEpochForEver,
    IdsRunTogether,
    CaseIsLost,
    NamespacesLeak,
    StampsAreTheStoresOwn,
    OutOfReachIsEmpty,
    EmptyBatchesAreSent,
}

struct Broken {
    store: ReferenceStore,
    flaw: Flaw,
    clock: ManualClock,
    ahead: Arc<AtomicI64>,
}

fn everything_about(key: SessionKey) -> ForgetIf {
    ForgetIf::Session { key, seen_at: Timestamp::MAX, placed_at: Timestamp::MAX }
}

/// A record that covers every other record.
fn whole_record(user: &UserId) -> UserRecord {
    let block = Block { at: Timestamp::MAX, until: Timestamp::MAX, session: None };
    let (seen_at, erased_at) = (Timestamp::MAX, Some(Timestamp::MAX));
    UserRecord { user: user.clone(), seen_at, erased_at, block: Some(block) }
}

impl Broken {
    /// The session under the name by which a broken store stores it.
    fn filed(&self, mut session: Session) -> Session {
        if let Some(user) = self.filed_user(&session.user) {
            session.user = user;
        }
        session
    }

    fn filed_user(&self, user: &UserId) -> Option<UserId> {
        match self.flaw {
            Flaw::IdsRunTogether => UserId::new(user.as_str().replace(':', "/")).ok(),
            Flaw::CaseIsLost => UserId::new(user.as_str().to_lowercase()).ok(),
            _ => None,
        }
    }

    async fn spoil_put(&self, mut session: Session) -> Result<()> {
        let key = session.key();
        let known = self
            .store
            .load(slice::from_ref(&key.user))
            .await?
            .sessions
            .into_iter()
            .find(|known| known.key() == key);
        let overwrites = match self.flaw {
            Flaw::PutOverwrites => true,
            Flaw::LastPutWinsATie => {
                known.is_some_and(|known| known.placement.placed_at == session.placement.placed_at)
            }
            _ => false,
        };
        if overwrites {
            self.store.forget(&[everything_about(key)]).await?;
        }
        if self.flaw == Flaw::StampsAreTheStoresOwn {
            session.seen_at = self.store.now().await?;
        }
        self.store.put(&[session]).await
    }

    async fn spoil_touch(&self, touch: &Touch) -> Result<Misses> {
        let mut touch = touch.clone();
        match (&mut touch, self.flaw) {
            (Touch::Node { drain_for, .. }, Flaw::NodesDoNotDrain) => *drain_for = None,
            (Touch::Session { user, id, seen_at, active_at }, Flaw::TouchGoesBackwards) => {
                let key = SessionKey { user: user.clone(), id: id.clone() };
                let mut known = self.store.load(slice::from_ref(&key.user)).await?.sessions;
                known.retain(|known| known.key() == key);
                self.store.forget(&[everything_about(key)]).await?;
                for session in &mut known {
                    (session.seen_at, session.active_at) = (*seen_at, *active_at);
                }
                self.store.put(&known).await?;
            }
            _ => {}
        }
        let mut misses = self.store.touch(&[touch]).await?;
        if self.flaw == Flaw::TouchHidesTheDeparted {
            let users: Vec<_> = misses.iter().map(|key| key.user.clone()).collect();
            let known = self.store.load(&users).await?.sessions;
            misses.retain(|key| known.iter().all(|known| known.key() != *key));
        }
        if self.flaw == Flaw::TouchCreates {
            for key in &misses {
                let mut session: Session = serde_json::from_value(serde_json::json!({
                    "user": "u", "id": "s", "seen_at": 1, "active_at": 1,
                    "placement": { "placed_at": 1, "node": "n", "held": false, "lease": 60_000 },
                }))
                .unwrap();
                (session.user, session.id) = (key.user.clone(), key.id.clone());
                self.store.put(&[session]).await?;
            }
        }
        Ok(misses)
    }
}

#[async_trait]
impl PresenceStore for Broken {
    fn shards(&self) -> u16 {
        self.store.shards()
    }

    fn shard_of(&self, user: &UserId) -> u16 {
        self.store.shard_of(user)
    }

    async fn put(&self, sessions: &[Session]) -> Result<()> {
        if sessions.is_empty() && self.flaw == Flaw::EmptyBatchesAreSent {
            self.store.now().await?;
        }
        let mut known = BTreeSet::new();
        let mut kept = sessions.to_vec();
        match self.flaw {
            Flaw::RepeatsInABatchAreLost => kept.retain(|session| known.insert(session.key())),
            Flaw::LargeBatchesAreCut => kept.truncate(crate::store::BATCH_ENTRIES),
            _ => {}
        }
        for session in kept {
            self.spoil_put(self.filed(session)).await?;
        }
        Ok(())
    }

    async fn touch(&self, touches: &[Touch]) -> Result<Misses> {
        let mut misses = Misses::new();
        for touch in touches {
            misses.extend(self.spoil_touch(touch).await?);
        }
        Ok(misses)
    }

    async fn remember(&self, users: &[UserRecord]) -> Result<()> {
        for record in users {
            let mut record = record.clone();
            if self.flaw == Flaw::RememberOverwrites {
                self.store.forget(&[ForgetIf::User(whole_record(&record.user))]).await?;
            }
            if self.flaw == Flaw::ErasingKeepsWhatWasSeen {
                record.erased_at = None;
            }
            self.store.remember(&[record]).await?;
        }
        Ok(())
    }

    async fn forget(&self, seen: &[ForgetIf]) -> Result<()> {
        for seen in seen {
            let mut seen = seen.clone();
            if let ForgetIf::User(record) = &mut seen
                && self.flaw == Flaw::ForgetDropsAnyRecord
            {
                *record = whole_record(&record.user);
            }
            if let ForgetIf::Session { key, seen_at, .. } = &mut seen {
                if self.flaw == Flaw::ForgetIgnoresWhatWasSeen {
                    seen = everything_about(key.clone());
                } else if self.flaw == Flaw::ForgetIgnoresNodes {
                    let known = self.store.load(slice::from_ref(&key.user)).await?.sessions;
                    if known.iter().any(|known| known.key() == *key && known.seen_at <= *seen_at) {
                        *seen_at = Timestamp::MAX;
                    }
                }
            }
            self.store.forget(&[seen]).await?;
        }
        Ok(())
    }

    async fn load(&self, users: &[UserId]) -> Result<Facts> {
        let filed: Vec<_> =
            users.iter().map(|user| self.filed_user(user).unwrap_or_else(|| user.clone())).collect();
        let mut facts = self.store.load(&filed).await?;
        match self.flaw {
            Flaw::LoadIsUnsorted => facts.sessions.reverse(),
            Flaw::FactsLackNodes => facts.nodes.clear(),
            Flaw::LoadLacksRecords => facts.users.clear(),
            _ => {}
        }
        Ok(facts)
    }

    fn watch(&self) -> BoxStream<'static, FeedEvent> {
        let feed = self.store.watch();
        let (clock, ahead) = (self.clock.clone(), Arc::clone(&self.ahead));
        let now = move || {
            let millis = clock.now().as_millis().saturating_add_signed(ahead.load(Ordering::Relaxed));
            Timestamp::from_millis(millis)
        };
        match self.flaw {
            Flaw::ProofsOnlyRead
            | Flaw::TimeIsTheClocks
            | Flaw::StretchesAreTheFeeds
            | Flaw::LossesLeaveNoStretch => spoil_time(feed, self.flaw, now),
            flaw => spoil_feed(feed, flaw),
        }
    }

    async fn now(&self) -> Result<Timestamp> {
        self.store.now().await
    }
}
