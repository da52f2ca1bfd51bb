//! Queries of the roster: members, counts, sessions, and the facts that explain a session's state.

use crate::liveness::{self, Liveness};
use crate::model::{Session, SessionKey, Topic, UserId};
use crate::roster::Roster;
use crate::roster::readers::member::{Counts, Member, MemberSession};
use crate::roster::readers::scope::Scope;
use crate::roster::readers::scope_state::{ScopeState, Sorted};
use crate::roster::sessions::shard::Shard;
use crate::roster::sessions::slot::flag;
use crate::time::{Timestamp, ViewClock};
use smallvec::SmallVec;
use std::sync::Arc;
use std::sync::atomic::Ordering;

/// One session, with the facts that explain its state.
#[derive(Debug, Clone, PartialEq)]
pub struct Examined {
    /// The session.
    pub session: Session,
    /// The state at the last reconciliation.
    pub liveness: Liveness,
    /// The proven time of the view that decides the state.
    pub now: Timestamp,
    /// The last heartbeat of the node, for a held session whose node is known.
    pub node_seen_at: Option<Timestamp>,
    /// Whether the last snapshot of the store lacked the session.
    pub unconfirmed: bool,
    /// Whether this process writes the session again if the store loses it.
    pub own: bool,
    /// When the state may change next without new facts.
    pub next_change: Option<Timestamp>,
}

/// The party for whom a query is made. Decides what is shown of hidden users.
///
/// Exhaustive on purpose: code that decides what somebody may see must handle every viewer.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum Viewer {
    /// An unknown viewer.
    #[default]
    Anyone,
    /// This user, who also sees their own sessions while they have declared to be offline.
    User(UserId),
    /// A viewer who may see everything.
    Operator,
}

impl Viewer {
    /// Whether this viewer sees everything of `user`, hidden or not.
    ///
    /// ```
    /// # fn main() -> Result<(), presence_core::InvalidValue> {
    /// use presence_core::Viewer;
    /// let (alice, bob) = ("alice".parse()?, "bob".parse()?);
    /// assert!(Viewer::Operator.sees_all_of(&alice));
    /// assert!(!Viewer::User(bob).sees_all_of(&alice));
    /// # Ok(()) }
    /// ```
    pub fn sees_all_of(&self, user: &UserId) -> bool {
        match self {
            Self::Anyone => false,
            Self::User(viewer) => viewer == user,
            Self::Operator => true,
        }
    }
}

impl Roster {
    /// A user as shown in a scope; `None` if the user is not present there.
    pub fn member(&self, user: &UserId, scope: &Scope, with_sessions: bool) -> Option<Member> {
        let topic = match scope {
            Scope::All => None,
            Scope::Topic(topic) => Some(self.topics.get(topic)?),
            Scope::Users(users) if users.contains(user) => None,
            Scope::Users(_) => return None,
        };
        self.member_in(user, topic.as_ref(), with_sessions)
    }

    /// A user as shown in a topic, or among all users for `None`.
    pub(crate) fn member_in(
        &self,
        user: &UserId,
        topic: Option<&Arc<ScopeState>>,
        with_sessions: bool,
    ) -> Option<Member> {
        let (shard, hash) = self.shard_of(user);
        let locked = shard.lock();
        let head = locked.head(hash, user)?;
        if locked.slots[head].has(flag::HIDDEN) {
            return None;
        }
        let member = locked.member(head, topic, with_sessions);
        member.liveness.is_live().then_some(member)
    }

    /// All sessions of a user, with the facts that explain their states.
    pub fn examine(&self, user: &UserId, now: Timestamp) -> Vec<Examined> {
        let (shard, hash) = self.shard_of(user);
        let locked = shard.lock();
        let clocks = self.clocks();
        let times = clocks.at(now);
        let Some(head) = locked.head(hash, user) else { return Vec::new() };
        let examine = |at| {
            let slot = &locked.slots[at];
            let view = times.of(slot).cloned().unwrap_or_else(|| ViewClock::running(times.stamp));
            let vitals = locked.vitals(at);
            Examined {
                session: slot.session(),
                liveness: slot.state,
                now: view.now(),
                node_seen_at: vitals.node.map(|(seen_at, _)| seen_at),
                unconfirmed: slot.stored.is_missing(),
                own: slot.has(flag::TRACKED),
                next_change: liveness::next_change(&vitals, &self.settings.policy, &view),
            }
        };
        let mut sessions: Vec<_> = locked.chain(head).map(examine).collect();
        sessions.sort_by(|a, b| a.session.id.cmp(&b.session.id));
        sessions
    }

    /// The record of a session as this process knows it.
    pub fn session(&self, key: &SessionKey) -> Option<Session> {
        let (shard, hash) = self.shard_of(&key.user);
        let locked = shard.lock();
        let at = locked.find(hash, &key.user, &key.id)?;
        Some(locked.slots[at].session())
    }

    /// The state of a scope; `None` for a topic without members, and for a set of users, which has
    /// no state of its own.
    pub(crate) fn scope(&self, scope: &Scope) -> Option<Arc<ScopeState>> {
        match scope {
            Scope::All => Some(Arc::clone(&self.everyone)),
            Scope::Topic(topic) => self.topics.get(topic),
            Scope::Users(_) => None,
        }
    }

    /// Total number of online and of active users.
    pub fn counts(&self) -> Counts {
        self.everyone.counts()
    }

    /// Number of visible sessions: live, and not of a hidden user.
    pub fn shown_sessions(&self) -> usize {
        self.shown.sessions.load(Ordering::Relaxed)
    }

    /// Number of topics with visible members.
    pub fn shown_topics(&self) -> usize {
        self.shown.topics.load(Ordering::Relaxed)
    }

    /// The topics with most users online; those with equally many are sorted by name.
    pub fn top_topics(&self, limit: usize) -> Vec<(Topic, Counts)> {
        self.topics.ranking.top(limit)
    }

    /// Number of topics.
    pub fn topic_count(&self) -> usize {
        self.topics.len()
    }

    /// Calls `read` with the sorted users of a scope. Other readers of the scope wait meanwhile;
    /// heartbeats do not.
    pub(crate) fn read<T>(&self, scope: &Arc<ScopeState>, read: impl FnOnce(&Sorted) -> T) -> T {
        if scope.topic().is_none() {
            self.list_everyone();
        }
        scope.read(read)
    }

    /// Builds the sorted lists of all users on first use, since most hosts never read them.
    fn list_everyone(&self) {
        let now = Timestamp::ZERO;
        let _one_maker = self.listing.lock();
        if self.everyone.start_listing() {
            return;
        }
        self.walk(now, |locked, at, _| {
            let user = locked.slots[at].user.clone();
            // Added for every session of the user, because the user's first session may change
            // while the lock is released.
            let best = locked.best(locked.head_of(at));
            if best.is_live() && !locked.slots[at].has(flag::HIDDEN) {
                self.everyone.enter(&user, best);
                self.sort_queue.note(&self.everyone);
            }
        });
    }
}

impl Shard {
    /// The live sessions of a user in a topic; all of them for `None`.
    fn sessions_in(&self, head: u32, topic: Option<&Arc<ScopeState>>) -> SmallVec<[u32; 8]> {
        if let (Some(indexes), Some(topic)) = (self.indexes(head), topic) {
            return indexes.topic(topic).map(|here| SmallVec::from_slice(&here.sessions)).unwrap_or_default();
        }
        let here = |at: &u32| {
            let slot = &self.slots[*at];
            slot.state.is_live()
                && topic.is_none_or(|topic| slot.current_topics().any(|scope| Arc::ptr_eq(scope, topic)))
        };
        self.chain(head).filter(here).collect()
    }

    /// The user whose first session is `head`, as shown in a topic; `None` for all sessions.
    pub(crate) fn member(&self, head: u32, topic: Option<&Arc<ScopeState>>, with_sessions: bool) -> Member {
        let sessions = self.sessions_in(head, topic);
        let (status, message) = self.status(head);
        let newest = sessions.iter().filter(|&&at| self.slots[at].meta().is_some());
        let newest = newest.max_by_key(|&&at| (self.slots[at].placed_at, &self.slots[at].id));
        let session = |&at: &u32| {
            let slot = &self.slots[at];
            MemberSession {
                id: slot.id.clone(),
                liveness: slot.state,
                topics: slot.current_topics().filter_map(|scope| scope.topic()).cloned().collect(),
                meta: slot.meta().cloned(),
            }
        };
        let mut shown: Vec<_> =
            if with_sessions { sessions.iter().map(session).collect() } else { Vec::new() };
        shown.sort_by(|a, b| a.id.cmp(&b.id));
        Member {
            user: self.slots[head].user.clone(),
            liveness: sessions.iter().map(|&at| self.slots[at].state).max().unwrap_or(Liveness::Gone),
            status,
            message,
            meta: newest.and_then(|&at| self.slots[at].meta().cloned()),
            sessions: shown,
        }
    }
}
