//! `Lane`: the queue of callers of one method, and the tasks that send the queued entries.

use super::entry::Entry;
use super::{IN_FLIGHT, WAITING_ENTRIES};
use crate::store::batch::first_batch;
use crate::store::{BATCH_BYTES, BATCH_ENTRIES, Error, Kind, PresenceStore, Result};
use futures_util::FutureExt;
use parking_lot::Mutex;
use std::collections::VecDeque;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, oneshot};

/// The queue of callers of one method of the store.
pub(super) struct Lane<T: Entry> {
    state: Mutex<State<T>>,
    /// One permit for each entry that may be queued.
    room: Arc<Semaphore>,
}

struct State<T: Entry> {
    waiting: VecDeque<Waiting<T>>,
    /// Number of sending tasks. A task ends only when the queue is empty.
    senders: usize,
}

/// The queued entries of one caller (at most one batch), and the channel for the answer.
struct Waiting<T: Entry> {
    entries: Vec<T>,
    bytes: usize,
    answer: oneshot::Sender<Result<T::Answer>>,
    _room: OwnedSemaphorePermit,
}

impl<T: Entry> Default for Lane<T> {
    fn default() -> Self {
        let state = State { waiting: VecDeque::new(), senders: 0 };
        Self { state: Mutex::new(state), room: Arc::new(Semaphore::new(WAITING_ENTRIES)) }
    }
}

impl<T: Entry> Lane<T> {
    /// Sends entries to the store in shared batches; returns once all were sent, or one of the
    /// batches failed.
    pub(super) async fn send<S: PresenceStore>(
        self: &Arc<Self>,
        store: &Arc<S>,
        mut entries: &[T],
    ) -> Result<T::Answer> {
        let mut answers = Vec::new();
        while !entries.is_empty() {
            let (count, bytes) = first_batch(entries);
            let (part, rest) = entries.split_at(count);
            answers.push(self.queue(store, part, bytes).await?);
            entries = rest;
        }
        let mut whole = T::Answer::default();
        for answer in answers {
            T::append(&mut whole, answer.await.unwrap_or_else(|_| Err(cut_off()))?);
        }
        Ok(whole)
    }

    /// Waits until the queue has room, and adds entries to it.
    async fn queue<S: PresenceStore>(
        self: &Arc<Self>,
        store: &Arc<S>,
        part: &[T],
        bytes: usize,
    ) -> Result<oneshot::Receiver<Result<T::Answer>>> {
        // Always granted in the end: a part is at most one batch, and the queue has room for many.
        let permits = u32::try_from(part.len()).unwrap_or(u32::MAX);
        let room = Arc::clone(&self.room).acquire_many_owned(permits).await.map_err(|_| cut_off())?;
        let (answer, answered) = oneshot::channel();
        if self.joins(Waiting { entries: part.to_vec(), bytes, answer, _room: room }) {
            let sender = Sender { lane: Arc::clone(self), store: Arc::clone(store), is_done: false };
            // Not under the lock: a runtime that is shutting down drops the task at once, which
            // takes the lock.
            tokio::spawn(sender.run());
        }
        Ok(answered)
    }

    /// Appends to the queue; returns whether it has registered another sender, which the caller
    /// must start.
    fn joins(&self, waiting: Waiting<T>) -> bool {
        let mut state = self.state.lock();
        state.waiting.push_back(waiting);
        let wants_sender = state.senders < IN_FLIGHT;
        state.senders += usize::from(wants_sender);
        wants_sender
    }

    /// Takes as many queued callers as fit into one batch.
    fn take(state: &mut State<T>) -> Vec<Waiting<T>> {
        let (mut batch, mut count, mut total) = (Vec::new(), 0, 0);
        while let Some(next) = state.waiting.pop_front() {
            if count > 0 && (count + next.entries.len() > BATCH_ENTRIES || total + next.bytes > BATCH_BYTES) {
                state.waiting.push_front(next);
                break;
            }
            (count, total) = (count + next.entries.len(), total + next.bytes);
            batch.push(next);
        }
        batch
    }
}

/// The error if the sending task was stopped: whether the batch was written is unknown.
fn cut_off() -> Error {
    Error::new(Kind::Unavailable, "the task that talks to the store was stopped")
}

/// A task that sends batches while callers are queued.
struct Sender<T: Entry, S> {
    lane: Arc<Lane<T>>,
    store: Arc<S>,
    /// Whether the task ended by itself. Otherwise its runtime was shut down.
    is_done: bool,
}

impl<T: Entry, S: PresenceStore> Sender<T, S> {
    async fn run(mut self) {
        while let Some(batch) = self.next() {
            self.send(batch).await;
        }
    }

    /// The next batch. If there is none, unregisters this sender under the same lock, so that a
    /// caller that is queued later starts another one.
    fn next(&mut self) -> Option<Vec<Waiting<T>>> {
        let mut state = self.lane.state.lock();
        let batch = Lane::take(&mut state);
        if batch.is_empty() {
            state.senders -= 1;
            self.is_done = true;
            return None;
        }
        Some(batch)
    }

    async fn send(&self, batch: Vec<Waiting<T>>) {
        let (mut entries, mut callers) = (Vec::new(), Vec::new());
        for waiting in batch {
            let from = entries.len();
            entries.extend(waiting.entries);
            callers.push((from..entries.len(), waiting.answer));
        }
        let sent = AssertUnwindSafe(T::send(&entries, &*self.store)).catch_unwind().await;
        let sent = sent.unwrap_or_else(|_| Err(Error::new(Kind::Unavailable, "the store panicked")));
        match sent {
            Err(error) => {
                for (_, answer) in callers {
                    // A caller that was cancelled needs no answer.
                    let _ = answer.send(Err(error.again()));
                }
            }
            Ok(shared) => {
                for (own, answer) in callers {
                    let _ = answer.send(Ok(T::own(&entries[own], &shared)));
                }
            }
        }
    }
}

impl<T: Entry, S> Drop for Sender<T, S> {
    fn drop(&mut self) {
        if self.is_done {
            return;
        }
        let left = {
            let mut state = self.lane.state.lock();
            state.senders -= 1;
            if state.senders > 0 { VecDeque::new() } else { std::mem::take(&mut state.waiting) }
        };
        // Dropping the entries, for which no sender is left, gives their callers an error.
        drop(left);
    }
}
