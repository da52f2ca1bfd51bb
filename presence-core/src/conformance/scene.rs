//! The setup of a case: two handles on one namespace, and sessions with given times.

use super::{Follower, Harness};
use crate::model::{
    Declared, Departure, Message, NodeId, Placement, Session, SessionId, SessionKey, Status, Topic, Topics,
    UserId,
};
use crate::store::{Facts, ForgetIf, Misses, PresenceStore, Touch};
use crate::time::Timestamp;
use std::slice;
use std::sync::Arc;
use std::time::Duration;

/// Two handles on one namespace, like those of two processes, and the instant to which
/// times are relative.
pub(super) struct Scene<'h, H> {
    pub(super) harness: &'h H,
    /// The handle that writes.
    pub(super) store: Arc<dyn PresenceStore>,
    /// The handle that reads what the other has written.
    pub(super) other: Arc<dyn PresenceStore>,
    start: Timestamp,
}

pub(super) fn user(name: &str) -> UserId {
    UserId::new(name).expect("a valid user id")
}

pub(super) fn id(name: &str) -> SessionId {
    SessionId::new(name).expect("a valid session id")
}

pub(super) fn node(name: &str) -> NodeId {
    NodeId::new(name).expect("a valid node id")
}

pub(super) fn topics(names: &[&str]) -> Topics {
    Topics::new(names.iter().map(|name| Topic::new(name).expect("a valid topic"))).expect("few topics")
}

/// The misses in order, each once.
fn sorted(mut misses: Misses) -> Vec<SessionKey> {
    misses.sort_unstable();
    misses.dedup();
    misses
}

impl<'h, H: Harness> Scene<'h, H> {
    pub(super) async fn of(harness: &'h H) -> Self {
        Self::in_namespace(harness, "").await
    }

    pub(super) async fn in_namespace(harness: &'h H, namespace: &str) -> Self {
        let (store, other) = (harness.open(namespace).await, harness.open(namespace).await);
        let start = store.now().await.expect("a store that works returns its time");
        Self { harness, store, other, start }
    }

    /// The instant this many milliseconds after the start.
    pub(super) fn at(&self, millis: u64) -> Timestamp {
        self.start + Duration::from_millis(millis)
    }

    /// A session of user and id `name/id`, all of whose times are `millis`.
    pub(super) fn session(&self, name: &str, millis: u64) -> Session {
        let (owner, tab) = name.split_once('/').unwrap_or((name, "s"));
        let at = self.at(millis);
        let placement = Placement {
            placed_at: at,
            left: None,
            node: node("n"),
            held: false,
            lease: Duration::from_mins(1),
            topics: topics(&["lobby"]),
            meta: None,
        };
        Session { user: user(owner), id: id(tab), placement, declared: None, seen_at: at, active_at: at }
    }

    /// Like [`session`](Self::session), but held by a node.
    pub(super) fn held(&self, name: &str, millis: u64, by: &str) -> Session {
        let mut session = self.session(name, millis);
        session.placement.node = node(by);
        session.placement.held = true;
        session
    }

    /// The session after a leave at `millis` of its present placement.
    pub(super) fn departed(&self, session: &Session, millis: u64) -> Session {
        let mut departed = session.clone();
        departed.placement.left = Some(Departure { at: self.at(millis), ends_at: self.at(millis + 5_000) });
        departed
    }

    pub(super) fn declared(&self, status: Status, words: &str, millis: u64) -> Declared {
        let message = Some(Message::new(words).expect("a short message"));
        Declared { at: self.at(millis), status, message, until: None }
    }

    pub(super) fn touch(&self, session: &Session, seen: u64, active: u64) -> Touch {
        Touch::Session {
            user: session.user.clone(),
            id: session.id.clone(),
            seen_at: self.at(seen),
            active_at: self.at(active),
        }
    }

    pub(super) fn beat(&self, name: &str, seen: u64) -> Touch {
        Touch::Node { node: node(name), seen_at: self.at(seen), drain_for: None }
    }

    pub(super) fn seen(&self, session: &Session, seen: u64, placed: u64) -> ForgetIf {
        ForgetIf::Session { key: session.key(), seen_at: self.at(seen), placed_at: self.at(placed) }
    }

    pub(super) async fn put(&self, sessions: &[Session]) {
        self.store.put(sessions).await.expect("put");
    }

    pub(super) async fn put_one(&self, session: &Session) {
        self.put(slice::from_ref(session)).await;
    }

    /// Touches sessions; returns the misses, sorted. If the store can also answer without waiting,
    /// it must give the same answer.
    pub(super) async fn touched(&self, touches: &[Touch]) -> Vec<SessionKey> {
        let at_once = self.store.touch_now(touches).map(|answer| sorted(answer.expect("touch_now")));
        let misses = sorted(self.store.touch(touches).await.expect("touch"));
        assert_eq!(*at_once.as_ref().unwrap_or(&misses), misses, "touch_now and touch");
        misses
    }

    pub(super) async fn forget(&self, seen: &[ForgetIf]) {
        self.store.forget(seen).await.expect("forget");
    }

    /// The facts of these users, as the other handle loads them.
    pub(super) async fn load(&self, users: &[&str]) -> Facts {
        let users: Vec<_> = users.iter().map(|name| user(name)).collect();
        self.other.load(&users).await.expect("load")
    }

    /// The only session of a user, as the other handle loads it.
    pub(super) async fn load_one(&self, name: &str) -> Option<Session> {
        let mut sessions = self.load(&[name]).await.sessions;
        assert!(sessions.len() <= 1, "one session was put: {sessions:#?}");
        sessions.pop()
    }

    /// A reader of the other handle's watch that is up to date.
    pub(super) async fn follower(&self) -> Follower<'h, H> {
        let mut follower = Follower::new(self.harness, &self.other);
        follower.synced().await;
        follower
    }
}
