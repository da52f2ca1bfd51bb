//! The sessions in a store.

use crate::{cpu, people};
use presence_core::store::{Placement, Session, Touch};
use presence_core::{NodeId, Timestamp};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::Duration;

/// Sessions with one topic each, and which of them beats next.
#[derive(Clone)]
pub struct People {
    sessions: Arc<[Session]>,
    next: Arc<AtomicUsize>,
    /// Advances with each batch, so that every touch moves its session forward.
    time: Arc<AtomicU64>,
}

impl People {
    /// This many sessions, entered some time ago.
    pub fn of(count: usize) -> Self {
        Self::with_leases(count, Duration::from_mins(1))
    }

    /// The same with other leases.
    pub fn with_leases(count: usize, lease: Duration) -> Self {
        Self::since(count, Timestamp::from_millis(1_700_000_000_000), lease)
    }

    /// This many sessions, entered at this time, with leases of this length.
    #[expect(clippy::expect_used, reason = "letters and digits are a valid name")]
    pub fn since(count: usize, at: Timestamp, lease: Duration) -> Self {
        let topics = people::topics();
        let node = NodeId::new("web-1~0123456789abcdef").expect("a valid name");
        let session = |person| {
            let beat = people::renews(person);
            let placement = Placement {
                placed_at: at,
                left: None,
                node: node.clone(),
                held: false,
                lease,
                topics: topics[person % people::TOPICS].clone(),
                meta: None,
            };
            Session {
                user: beat.user,
                id: beat.session,
                placement,
                declared: None,
                seen_at: at,
                active_at: at,
            }
        };
        let time = Arc::new(AtomicU64::new(at.as_millis() + cpu::wall() / 1_000_000));
        Self { sessions: (0..count).map(session).collect(), next: Arc::default(), time }
    }

    pub fn len(&self) -> usize {
        self.sessions.len()
    }

    /// All sessions, as they entered.
    pub fn sessions(&self) -> &[Session] {
        &self.sessions
    }

    /// The next sessions in turn, with a newer time.
    fn take(&self, count: usize) -> (impl Iterator<Item = &Session>, Timestamp) {
        let from = self.next.fetch_add(count, Ordering::Relaxed);
        let at = Timestamp::from_millis(self.time.fetch_add(1, Ordering::Relaxed));
        ((from..from + count).map(|person| &self.sessions[person % self.len()]), at)
    }

    /// The touches of the next sessions.
    pub fn touches(&self, count: usize) -> Vec<Touch> {
        let (sessions, at) = self.take(count);
        sessions
            .map(|Session { user, id, .. }| {
                let (user, id) = (user.clone(), id.clone());
                Touch::Session { user, id, seen_at: at, active_at: at }
            })
            .collect()
    }

    /// The next sessions, with a new placement.
    pub fn puts(&self, count: usize) -> Vec<Session> {
        let (sessions, at) = self.take(count);
        sessions
            .map(|session| {
                let mut session = session.clone();
                (session.seen_at, session.placement.placed_at) = (at, at);
                session
            })
            .collect()
    }
}
