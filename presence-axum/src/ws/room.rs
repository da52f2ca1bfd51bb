//! What the subscribers of one topic share: what they are told is written once.

mod follow;
mod state;

use super::protocol::{Frames, Protocol};
use super::rooms::{Counted, Key};
use super::typing::is_hidden;
use super::{Frame, Settings, Typing, Update};
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

/// The frames of one update, shared by all who get them.
pub(super) type Shared = Arc<[Frame]>;

/// How many updates a subscriber may lag behind before it gets the state instead: those of more than
/// a second. Each takes room in every topic, told or not.
const BEHIND: usize = 16;
/// How many messages are kept in their written form.
const WRITTEN: usize = 32;
/// The largest state or diff, in bytes: a topic that needs more is told in counts.
const LARGEST: usize = 1024 * 1024;
/// In a topic of at most so many users, whoever joins is told the very latest, and the others at
/// once of whoever joins. In a larger one both wait for the batch.
const SMALL: usize = 64;
/// How many times as long as others a large topic waits between two counts.
const LARGE_WAITS: u32 = 10;

/// One topic and how it is told, shared by its members.
pub(super) struct Room {
    topic: Option<Topic>,
    counts: bool,
    presence: Presence,
    protocol: Arc<dyn Protocol>,
    settings: Arc<Settings>,
    state: Mutex<State>,
    live: broadcast::Sender<Shared>,
    /// Messages as they were written for the first who got them.
    written: Mutex<VecDeque<(EventId, Shared)>>,
    /// The signal that came last, by its payload.
    signal: Mutex<Option<(Bytes, Option<Signal>)>>,
    /// What the roster tells, where it is not counts alone. Locked until what came is taken, so
    /// that all comes in order.
    updates: Mutex<Option<Subscription>>,
    /// Makes the task ask anew: another has asked, and it would not be woken.
    again: Arc<Notify>,
    task: OnceLock<AbortHandle>,
    _counted: Counted,
}

/// A signal in its written form.
#[derive(Clone)]
pub(super) struct Signal {
    /// The connection that it comes from.
    pub(super) by: SessionId,
    pub(super) frames: Shared,
}

/// How a member begins.
pub(super) struct Joined {
    pub(super) first: Vec<Shared>,
    pub(super) live: broadcast::Receiver<Shared>,
    pub(super) large: bool,
}

impl Room {
    /// A room that tells nothing before it has begun.
    pub(super) fn new(
        (topic, counts): Key,
        presence: Presence,
        protocol: Arc<dyn Protocol>,
        settings: Arc<Settings>,
        counted: Counted,
    ) -> Self {
        Self {
            topic,
            counts,
            presence,
            protocol,
            settings,
            state: Mutex::default(),
            live: broadcast::Sender::new(BEHIND),
            written: Mutex::default(),
            signal: Mutex::default(),
            updates: Mutex::default(),
            again: Arc::default(),
            task: OnceLock::new(),
            _counted: counted,
        }
    }

    /// Begins to tell, unless it has; until it is dropped.
    pub(super) fn begin(self: &Arc<Self>) {
        self.task.get_or_init(|| self.start());
    }

    fn start(self: &Arc<Self>) -> AbortHandle {
        let scope = self.topic.clone().map_or(Scope::All, Scope::Topic);
        // The first update of both is there at once.
        let task = if self.counts {
            let mut counts = self.presence.watch_counts(&scope);
            if let Some(first) = counts.next().now_or_never().flatten() {
                self.state.lock().counts = first;
            }
            tokio::spawn(follow::follow_counts(Arc::downgrade(self), counts))
        } else {
            *self.updates.lock() = Some(self.presence.subscribe(&scope));
            let _ = self.advance(&mut Context::from_waker(Waker::noop()));
            tokio::spawn(follow::follow(Arc::downgrade(self), Arc::clone(&self.again)))
        };
        task.abort_handle()
    }

    /// Takes one update of the roster, and tells the members; `None` once there will be no more.
    fn advance(&self, cx: &mut Context<'_>) -> Poll<Option<()>> {
        let mut updates = self.updates.lock();
        let Some(subscription) = &mut *updates else { return Poll::Ready(None) };
        subscription.poll_next_unpin(cx).map(|update| update.map(|update| self.take(update)))
    }

    /// Takes what has changed up to this moment.
    fn catch_up(&self) {
        let place =
            self.topic.as_ref().map_or_else(|| self.presence.everyone(), |topic| self.presence.topic(topic));
        // Makes the roster tell what it has gathered.
        drop(place.snapshot());
        while self.advance(&mut Context::from_waker(Waker::noop())) == Poll::Ready(Some(())) {}
        self.again.notify_one();
    }

    /// Begins with a state, or with the diffs since `version` where they are still there.
    pub(super) fn join(&self, version: Option<Version>) -> Joined {
        let is_small =
            |state: &State| state.snapshot.as_ref().is_some_and(|snapshot| snapshot.members.len() <= SMALL);
        if !self.counts && is_small(&self.state.lock()) {
            self.catch_up();
        }
        let mut state = self.state.lock();
        // Under the lock: what comes after the state is live.
        let live = self.live.subscribe();
        let first = if self.counts || state.large {
            vec![self.encode(&self.counts_update(&state))]
        } else {
            version.and_then(|version| state.since(version)).unwrap_or_else(|| vec![self.state(&mut state)])
        };
        Joined { first, live, large: state.large }
    }

    /// Takes what the roster tells, and tells the members.
    fn take(&self, update: roster::Update) {
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
        let was_large = state.large;
        // A topic at the bound does not go to and fro.
        let bound = if was_large { self.settings.large / 4 * 3 } else { self.settings.large };
        state.large = here > bound;
        state.written = None;
        state.counts = state.snapshot.as_ref().map(Snapshot::counts).unwrap_or_default();
        let diff = diff.filter(|_| !state.large && !was_large);
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
            if state.large { self.encode(&self.counts_update(&state)) } else { self.state(&mut state) }
        };
        // Nobody may be there.
        let _ = self.live.send(frames);
    }

    fn take_counts(&self, counts: Counts) {
        let mut state = self.state.lock();
        state.counts = counts;
        let _ = self.live.send(self.encode(&self.counts_update(&state)));
    }

    fn counts_update(&self, state: &State) -> Update {
        Update::Counts { topic: self.topic.clone(), counts: state.counts, large: state.large }
    }

    /// The state, written once; counts if it is too large.
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
            state.large = true;
            return self.encode(&self.counts_update(state));
        }
        state.written = Some((view, Arc::clone(&frames)));
        frames
    }

    /// A message in its written form.
    pub(super) fn message(&self, topic: &Topic, event: Event) -> Shared {
        let mut written = self.written.lock();
        if let Some((_, frames)) = written.iter().rev().find(|(id, _)| *id == event.id) {
            return Arc::clone(frames);
        }
        let id = event.id;
        let frames = self.encode(&Update::Message { topic: topic.clone(), event });
        if written.len() == WRITTEN {
            written.pop_front();
        }
        written.push_back((id, Arc::clone(&frames)));
        frames
    }

    /// A signal in its written form; `None` for one that is not ours, and for one of a user who
    /// shows as offline.
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
        // The payload is kept, so that no other can have its address.
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
