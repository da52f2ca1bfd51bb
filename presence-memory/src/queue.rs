//! What a watch still has to be told.

use parking_lot::Mutex;
use presence_core::store::{BATCH_ENTRIES, Facts, FeedEvent, ForgetIf, Touch};
use presence_core::{Session, UserRecord};
use std::collections::VecDeque;
use std::sync::Arc;
use tokio::sync::Notify;

/// How many sessions, renewals and removals may wait for the reader of a watch.
///
/// The feed of a reader who falls further behind ends, and what waited is dropped: a new watch
/// tells everything again. One entry takes some 300 bytes, and shares topics and meta with the
/// store.
pub const QUEUE_ENTRIES: usize = 65_536;

/// The messages for one watch, in the order in which things happened. News that come one by one
/// travel together.
#[derive(Debug)]
pub(crate) struct Queue {
    /// Through which handle the watch was made.
    pub(crate) handle: u64,
    waiting: Mutex<Waiting>,
    news: Notify,
}

#[derive(Debug, Default)]
struct Waiting {
    parts: VecDeque<Part>,
    entries: usize,
    /// How many entries came so far.
    came: u64,
    overflown: bool,
}

#[derive(Debug)]
enum Part {
    Sessions(Vec<Session>),
    Touches(Vec<Touch>),
    Records(Vec<UserRecord>),
    Forgotten(Vec<ForgetIf>),
}

/// The reader is too far behind.
#[derive(Debug)]
pub(crate) struct Overflown;

impl Queue {
    pub(crate) fn new(handle: u64) -> Self {
        Self { handle, waiting: Mutex::default(), news: Notify::new() }
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

    /// Adds one entry: to the last part if `add` finds room there, or else as a new one.
    fn push(&self, add: impl FnOnce(Option<&mut Part>) -> Option<Part>) {
        let mut waiting = self.waiting.lock();
        if waiting.overflown {
            return;
        }
        if waiting.entries == QUEUE_ENTRIES {
            *waiting = Waiting { overflown: true, ..Waiting::default() };
        } else {
            waiting.entries += 1;
            waiting.came += 1;
            let part = add(waiting.parts.back_mut());
            waiting.parts.extend(part);
        }
        drop(waiting);
        self.news.notify_one();
    }

    /// How many entries came so far.
    pub(crate) fn came(&self) -> u64 {
        self.waiting.lock().came
    }

    /// Takes the oldest part, and says how many entries were taken with it.
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

    /// Returns once something came since the last call, at once if it did already.
    pub(crate) async fn news(&self) {
        self.news.notified().await;
    }
}
