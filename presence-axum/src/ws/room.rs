//! A topic as its subscribers share it: each update is encoded once for all of them.

mod follow;
mod state;

use super::protocol::{Frames, Protocol};
use super::rooms::{Counted, Key};
use super::typing::is_hidden;
use super::{Frame, Mode, Settings, TopicSize, Typing, Update};
use bytes::Bytes;
use futures_util::{FutureExt, StreamExt};
use parking_lot::Mutex;
use presence_core::broker::{Event, EventId};
use presence_core::{Counts, Presence, Scope, SessionId, Snapshot, Subscription, Topic, Version, roster};
use state::State;
use std::collections::VecDeque;
use std::sync::{Arc, OnceLock};
use std::task::{Context, Poll, Waker};
use tokio::sync::{Notify, broadcast};
use tokio::task::AbortHandle;

/// The encoded frames of one update, shared by all connections that send them.
pub(super) type Shared = Arc<[Frame]>;

/// How many updates a subscriber may fall behind before it gets the current state instead; they
/// cover more than a second. Every topic reserves memory for this many.
const MAX_LAG: usize = 16;
/// How many encoded messages are kept.
const MESSAGES_KEPT: usize = 32;
/// The largest encoded state or diff, in bytes; a topic that needs more is shown as counts.
const LARGEST: usize = 1024 * 1024;
/// Up to this many users, a new subscriber gets the state of this moment, and the others are sent
/// pending changes at once. In a larger topic, both wait for the next batch.
const SMALL: usize = 64;
/// The factor by which a topic shown as counts is updated less often.
const LARGE_WAITS: u32 = 10;

/// One topic, shared by the connections that subscribe to it.
pub(super) struct Room {
    topic: Option<Topic>,
    mode: Mode,
    presence: Presence,
    protocol: Arc<dyn Protocol>,
    settings: Arc<Settings>,
    state: Mutex<State>,
    live: broadcast::Sender<Shared>,
    /// The most recent messages with their encoded frames.
    written: Mutex<VecDeque<(EventId, Shared)>>,
    /// The most recent signal: its payload, and its frames if it is to be shown.
    signal: Mutex<Option<(Bytes, Option<Signal>)>>,
    /// The roster's updates; `None` if only counts are needed. The lock is held until an update has
    /// been applied, which keeps them in order.
    updates: Mutex<Option<Subscription>>,
    /// Wakes the room's task after somebody else has polled `updates`, which replaces
    /// the task's waker.
    repoll: Arc<Notify>,
    task: OnceLock<AbortHandle>,
    _counted: Counted,
}

/// A signal with its encoded frames.
#[derive(Clone)]
pub(super) struct Signal {
    /// The connection that sent it.
    pub(super) by: SessionId,
    pub(super) frames: Shared,
}

/// What a new subscriber gets.
pub(super) struct Joined {
    pub(super) first: Vec<Shared>,
    pub(super) live: broadcast::Receiver<Shared>,
    pub(super) size: TopicSize,
}

impl Room {
    /// A room that sends nothing until it is started.
    pub(super) fn new(
        (topic, mode): Key,
        presence: Presence,
        protocol: Arc<dyn Protocol>,
        settings: Arc<Settings>,
        counted: Counted,
    ) -> Self {
        Self {
            topic,
            mode,
            presence,
            protocol,
            settings,
            state: Mutex::default(),
            live: broadcast::Sender::new(MAX_LAG),
            written: Mutex::default(),
            signal: Mutex::default(),
            updates: Mutex::default(),
            repoll: Arc::default(),
            task: OnceLock::new(),
            _counted: counted,
        }
    }

    /// Starts the room's task, unless it runs already. It stops when the room is dropped.
    pub(super) fn begin(self: &Arc<Self>) {
        self.task.get_or_init(|| self.start());
    }

    fn start(self: &Arc<Self>) -> AbortHandle {
        let scope = self.topic.clone().map_or(Scope::All, Scope::Topic);
        // Both streams have their first item ready.
        let task = if self.mode == Mode::Counts {
            let mut counts = self.presence.watch_counts(&scope);
            if let Some(first) = counts.next().now_or_never().flatten() {
                self.state.lock().counts = first;
            }
            tokio::spawn(follow::follow_counts(Arc::downgrade(self), counts))
        } else {
            *self.updates.lock() = Some(self.presence.subscribe(&scope));
            let _ = self.advance(&mut Context::from_waker(Waker::noop()));
            tokio::spawn(follow::follow(Arc::downgrade(self), Arc::clone(&self.repoll)))
        };
        task.abort_handle()
    }

    /// Applies one update of the roster and sends it to the subscribers; `None` when no
    /// more will come.
    fn advance(&self, cx: &mut Context<'_>) -> Poll<Option<()>> {
        let mut updates = self.updates.lock();
        let Some(subscription) = &mut *updates else { return Poll::Ready(None) };
        subscription.poll_next_unpin(cx).map(|update| update.map(|update| self.apply(update)))
    }

    /// Applies all changes up to this moment.
    fn catch_up(&self) {
        let view =
            self.topic.as_ref().map_or_else(|| self.presence.everyone(), |topic| self.presence.topic(topic));
        // Reading a snapshot makes the roster publish its pending changes.
        drop(view.snapshot());
        while self.advance(&mut Context::from_waker(Waker::noop())) == Poll::Ready(Some(())) {}
        self.repoll.notify_one();
    }

    /// Adds a subscriber. It starts with the diffs since `version` if they are still known, else
    /// with the current state.
    pub(super) fn join(&self, version: Option<Version>) -> Joined {
        let is_small =
            |state: &State| state.snapshot.as_ref().is_some_and(|snapshot| snapshot.members.len() <= SMALL);
        if self.mode == Mode::List && is_small(&self.state.lock()) {
            self.catch_up();
        }
        let mut state = self.state.lock();
        // Subscribed under the lock, so that no update between the state and the live ones is
        // missed.
        let live = self.live.subscribe();
        let first = if self.mode == Mode::Counts || state.size.is_large() {
            vec![self.encode(&self.counts_update(&state))]
        } else {
            version.and_then(|version| state.since(version)).unwrap_or_else(|| vec![self.state(&mut state)])
        };
        Joined { first, live, size: state.size }
    }

    /// Applies an update of the roster and sends it to the subscribers.
    fn apply(&self, update: roster::Update) {
        let mut state = self.state.lock();
        let diff = match update {
            roster::Update::Snapshot(snapshot) => {
                state.snapshot = Some(Arc::unwrap_or_clone(snapshot));
                None
            }
            roster::Update::Diff(diff) => {
                if let Some(snapshot) = &mut state.snapshot {
                    snapshot.apply(&diff);
                }
                Some(diff)
            }
        };
        let here = state.snapshot.as_ref().map_or(0, |snapshot| snapshot.members.len());
        let was_large = state.size.is_large();
        // A lower limit for turning back keeps a topic near the limit from alternating.
        let bound = if was_large { self.settings.large / 4 * 3 } else { self.settings.large };
        state.size = if here > bound { TopicSize::Large } else { TopicSize::Small };
        state.written = None;
        state.counts = state.snapshot.as_ref().map(Snapshot::counts).unwrap_or_default();
        let diff = diff.filter(|_| !state.size.is_large() && !was_large);
        let frames = diff.and_then(|diff| {
            let from = diff.from;
            let frames = self.encode(&Update::Diff { topic: self.topic.clone(), diff });
            (size(&frames) <= LARGEST).then_some((from, frames))
        });
        let frames = if let Some((from, frames)) = frames {
            state.keep(from, &frames);
            frames
        } else {
            state.forget();
            if state.size.is_large() {
                self.encode(&self.counts_update(&state))
            } else {
                self.state(&mut state)
            }
        };
        // Fails only if there are no subscribers.
        let _ = self.live.send(frames);
    }

    fn apply_counts(&self, counts: Counts) {
        let mut state = self.state.lock();
        state.counts = counts;
        let _ = self.live.send(self.encode(&self.counts_update(&state)));
    }

    fn counts_update(&self, state: &State) -> Update {
        Update::Counts { topic: self.topic.clone(), counts: state.counts, size: state.size }
    }

    /// The frames of the current state, encoded once; counts if it is too large.
    fn state(&self, state: &mut State) -> Shared {
        let view = self.presence.health().view;
        if let Some((written, frames)) = &state.written
            && *written == view
        {
            return Arc::clone(frames);
        }
        let Some(snapshot) = &state.snapshot else { return Arc::from([]) };
        let snapshot = Arc::new(snapshot.clone());
        let frames = self.encode(&Update::State { topic: self.topic.clone(), snapshot, view });
        if size(&frames) > LARGEST {
            state.size = TopicSize::Large;
            return self.encode(&self.counts_update(state));
        }
        state.written = Some((view, Arc::clone(&frames)));
        frames
    }

    /// The frames of a message, encoded once.
    pub(super) fn message(&self, topic: &Topic, event: Event) -> Shared {
        let mut written = self.written.lock();
        if let Some((_, frames)) = written.iter().rev().find(|(id, _)| *id == event.id) {
            return Arc::clone(frames);
        }
        let id = event.id;
        let frames = self.encode(&Update::Message { topic: topic.clone(), event });
        if written.len() == MESSAGES_KEPT {
            written.pop_front();
        }
        written.push_back((id, Arc::clone(&frames)));
        frames
    }

    /// The frames of a signal; `None` if it was not sent by a socket, or if its
    /// user appears offline.
    pub(super) fn signal(&self, topic: &Topic, payload: &Bytes) -> Option<Signal> {
        let mut last = self.signal.lock();
        if let Some((seen, signal)) = &*last
            && (seen.as_ptr(), seen.len()) == (payload.as_ptr(), payload.len())
        {
            return signal.clone();
        }
        let typing: Option<Typing> = serde_json::from_slice(payload).ok();
        let typing =
            typing.filter(|typing| typing.value.is_none() || !is_hidden(&self.presence, &typing.user));
        let signal = typing.map(|typing| {
            let by = typing.by.clone();
            Signal { by, frames: self.encode(&Update::Typing { topic: topic.clone(), typing }) }
        });
        // Keeping the payload keeps its address from being reused by another one.
        *last = Some((payload.clone(), signal.clone()));
        signal
    }

    pub(super) fn encode(&self, update: &Update) -> Shared {
        encode(&*self.protocol, update)
    }
}

impl Drop for Room {
    fn drop(&mut self) {
        if let Some(task) = self.task.get() {
            task.abort();
        }
    }
}

pub(super) fn encode(protocol: &dyn Protocol, update: &Update) -> Shared {
    let mut frames = Frames::default();
    protocol.encode(update, &mut frames);
    frames.into_vec().into()
}

fn size(frames: &[Frame]) -> usize {
    frames.iter().map(Frame::len).sum()
}
