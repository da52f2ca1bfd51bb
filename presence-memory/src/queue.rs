//! The queue of a watch: changes that are not delivered yet.

use parking_lot::Mutex;
use presence_core::store::{BATCH_ENTRIES, Facts, FeedEvent, ForgetIf, Session, Touch, UserRecord};
use std::collections::VecDeque;
use std::sync::Arc;
use tokio::sync::Notify;

/// Most sessions, renewals and removals that are queued for the reader of a watch.
///
/// If the reader falls further behind, its feed ends and the queue is dropped; a new watch delivers
/// everything again. An entry takes about 300 bytes, and shares topics and meta with the store.
pub const QUEUE_ENTRIES: usize = 65_536;

/// The undelivered events of one watch, in order. Successive changes of one kind are batched.
#[derive(Debug)]
pub(crate) struct Queue {
    /// The handle that the watch belongs to.
    pub(crate) handle: u64,
    waiting: Mutex<Waiting>,
    added: Notify,
}

#[derive(Debug, Default)]
struct Waiting {
    parts: VecDeque<Part>,
    entries: usize,
    /// Number of entries added so far.
    total: u64,
    overflown: bool,
}

#[derive(Debug)]
enum Part {
    Sessions(Vec<Session>),
    Touches(Vec<Touch>),
    Records(Vec<UserRecord>),
    Forgotten(Vec<ForgetIf>),
}

/// The error of a reader that is too far behind.
#[derive(Debug)]
pub(crate) struct Overflown;

impl Queue {
    pub(crate) fn new(handle: u64) -> Self {
        Self { handle, waiting: Mutex::default(), added: Notify::new() }
    }

    pub(crate) fn session(&self, session: &Session) {
        self.push(|last| match last {
            Some(Part::Sessions(batch)) if batch.len() < BATCH_ENTRIES => {
                batch.push(session.clone());
                None
            }
            _ => Some(Part::Sessions(vec![session.clone()])),
        });
    }

    pub(crate) fn touch(&self, touch: &Touch) {
        self.push(|last| match last {
            Some(Part::Touches(batch)) if batch.len() < BATCH_ENTRIES => {
                batch.push(touch.clone());
                None
            }
            _ => Some(Part::Touches(vec![touch.clone()])),
        });
    }

    pub(crate) fn record(&self, record: &UserRecord) {
        self.push(|last| match last {
            Some(Part::Records(batch)) if batch.len() < BATCH_ENTRIES => {
                batch.push(record.clone());
                None
            }
            _ => Some(Part::Records(vec![record.clone()])),
        });
    }

    pub(crate) fn forgotten(&self, seen: &ForgetIf) {
        self.push(|last| match last {
            Some(Part::Forgotten(batch)) if batch.len() < BATCH_ENTRIES => {
                batch.push(seen.clone());
                None
            }
            _ => Some(Part::Forgotten(vec![seen.clone()])),
        });
    }

    /// Adds one entry: to the last part if `add` accepts it there, else as a new part.
    fn push(&self, add: impl FnOnce(Option<&mut Part>) -> Option<Part>) {
        let mut waiting = self.waiting.lock();
        if waiting.overflown {
            return;
        }
        if waiting.entries == QUEUE_ENTRIES {
            *waiting = Waiting { overflown: true, ..Waiting::default() };
        } else {
            waiting.entries += 1;
            waiting.total += 1;
            let part = add(waiting.parts.back_mut());
            waiting.parts.extend(part);
        }
        drop(waiting);
        self.added.notify_one();
    }

    /// Number of entries added so far.
    pub(crate) fn total(&self) -> u64 {
        self.waiting.lock().total
    }

    /// Takes the oldest part, with its number of entries.
    pub(crate) fn take(&self) -> Result<Option<(FeedEvent, u64)>, Overflown> {
        let mut waiting = self.waiting.lock();
        if waiting.overflown {
            return Err(Overflown);
        }
        let Some(part) = waiting.parts.pop_front() else { return Ok(None) };
        let (feed, entries) = match part {
            Part::Sessions(sessions) => {
                let entries = sessions.len();
                (FeedEvent::Facts(Arc::new(Facts { sessions, ..Facts::default() })), entries)
            }
            Part::Touches(touches) => {
                let entries = touches.len();
                (FeedEvent::Touched(touches.into()), entries)
            }
            Part::Records(users) => {
                let entries = users.len();
                (FeedEvent::Facts(Arc::new(Facts { users, ..Facts::default() })), entries)
            }
            Part::Forgotten(seen) => {
                let entries = seen.len();
                (FeedEvent::Forgotten(seen.into()), entries)
            }
        };
        waiting.entries -= entries;
        Ok(Some((feed, entries as u64)))
    }

    /// Returns once an entry was added since the last call.
    pub(crate) async fn changed(&self) {
        self.added.notified().await;
    }
}
