//! What the handle and its tasks share, and how the store is told.

use super::disconnect::Disconnections;
use super::hold::Connection;
use super::outbox::{Outbox, WriteKind};
use super::report::StoreHealth;
use super::store_state::{Line, StoreState, Verb};
use super::{BeatOutcome, Error};
use crate::model::{Session, SessionKey};
use crate::roster::{Rollback, Roster, StoreWrite};
use crate::store::{self, Kind, PresenceStore, Touch};
use crate::time::{Clock, Timestamp, View};
use futures_util::future::BoxFuture;
use parking_lot::Mutex;
use std::collections::HashMap;
use std::future::poll_fn;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::task::Poll;
use std::time::Duration;
use tokio::sync::{Notify, watch};

/// How long the calls to the store may take that one beat needs. Its caller is told "degraded"
/// within 2 s, all in all.
const PATIENCE: Duration = Duration::from_millis(1_500);
/// How long a beat waits, when a process has just started, for the store's time.
const PATIENCE_AT_START: Duration = Duration::from_millis(400);

pub(super) struct Shared {
    store: Arc<dyn PresenceStore>,
    pub roster: Roster,
    pub clock: Arc<dyn Clock>,
    pub outbox: Outbox,
    /// Wakes the sweep before its time: the view has moved.
    pub moved: Notify,
    /// Wakes those who wait with something that is owed to the store: it has just taken a write.
    pub proven: Notify,
    /// Wakes the publisher: watches have something to tell.
    pub changed: Notify,
    /// Whether the store's time is known, by which stamps are made; `None` until it has answered or
    /// failed once.
    is_calibrated: watch::Sender<Option<bool>>,
    /// Whether that is no longer `None`.
    has_asked: AtomicBool,
    pub is_ready: watch::Sender<bool>,
    /// Whether this process has ended, and all its subscriptions.
    pub has_ended: watch::Sender<bool>,
    /// Whether what is shown is worth believing, as last noted.
    view: watch::Sender<View>,
    /// How long clients have to reconnect, once this process drains.
    pub draining: watch::Sender<Option<Duration>>,
    /// Which of this process's connections holds a session: the latest one.
    pub connections: Mutex<HashMap<SessionKey, Connection, foldhash::fast::RandomState>>,
    pub disconnections: Arc<Disconnections>,
    pub next_id: AtomicU64,
    closed: AtomicBool,
    store_state: StoreState,
}

impl Shared {
    pub fn new(store: Arc<dyn PresenceStore>, roster: Roster, clock: Arc<dyn Clock>) -> Self {
        Self {
            store,
            roster,
            clock,
            outbox: Outbox::default(),
            moved: Notify::new(),
            proven: Notify::new(),
            changed: Notify::new(),
            is_calibrated: watch::Sender::new(None),
            has_asked: AtomicBool::new(false),
            is_ready: watch::Sender::new(false),
            has_ended: watch::Sender::new(false),
            view: watch::Sender::new(View::Stale { since: Timestamp::ZERO }),
            draining: watch::Sender::new(None),
            connections: Mutex::default(),
            disconnections: Arc::default(),
            next_id: AtomicU64::new(0),
            closed: AtomicBool::new(false),
            store_state: StoreState::default(),
        }
    }

    /// The store itself: through the pointer to it, every call would make another future around its
    /// own.
    pub fn store(&self) -> &dyn PresenceStore {
        &*self.store
    }

    /// Takes no more beats.
    pub fn close(&self) {
        self.closed.store(true, Ordering::Release);
    }

    pub fn is_closed(&self) -> bool {
        self.closed.load(Ordering::Acquire)
    }

    pub fn now(&self) -> Timestamp {
        self.clock.now()
    }

    /// Waits until the store's time is known, or has not been to be had in time: then stamps are
    /// made by the process's own clock, and are moved to the store's once that is known.
    pub async fn calibrated(&self) {
        // A beat asks this every time; the channel has a lock.
        if !self.has_asked.load(Ordering::Relaxed) {
            let mut known = self.is_calibrated.subscribe();
            let _ = tokio::time::timeout(PATIENCE_AT_START, known.wait_for(Option::is_some)).await;
        }
    }

    /// Learns the store's time, if it is not known yet and the store tells it.
    pub async fn ask_time(&self) {
        if *self.is_calibrated.borrow() == Some(true) {
            return;
        }
        let now = self.call(Verb::Now, self.store().now()).await;
        if let Ok(at) = &now {
            self.roster.calibrate(*at, self.now());
        }
        self.note_time(now.is_ok());
    }

    /// Notes whether the store's time is known to the roster: from an answer, or from a proof of
    /// the feed, which a store that was down at the start may give without ending the feed in
    /// between.
    pub fn note_time(&self, is_known: bool) {
        self.is_calibrated.send_if_modified(|known| {
            let news = *known != Some(is_known);
            *known = Some(is_known);
            news
        });
        self.has_asked.store(true, Ordering::Relaxed);
        if is_known && self.store_state.is_down() {
            // It was told after all, if only by the feed.
            self.succeeded(Verb::Now);
        }
    }

    /// Waits until the store's time is known, however long that takes: for what has no use without
    /// the store.
    pub async fn knows_time(&self) {
        // The sender lives in `self`.
        let _ = self.is_calibrated.subscribe().wait_for(|known| *known == Some(true)).await;
    }

    /// Tells those who watch the view if it has become fresh or stale.
    pub fn note_view(&self) {
        let now = self.roster.view(self.now());
        self.view.send_if_modified(|view| std::mem::replace(view, now).is_fresh() != now.is_fresh());
    }

    pub fn watch_view(&self) -> watch::Receiver<View> {
        self.view.subscribe()
    }

    pub fn health(&self) -> StoreHealth {
        self.store_state.health()
    }

    /// Makes a call, with its bound in time, and notes how the store is.
    pub async fn call<T>(&self, verb: Verb, call: BoxFuture<'_, store::Result<T>>) -> store::Result<T> {
        self.call_within(verb, PATIENCE, call).await.0
    }

    /// The same within a shorter time; answers also how long it took.
    async fn call_within<T>(
        &self,
        verb: Verb,
        patience: Duration,
        mut call: BoxFuture<'_, store::Result<T>>,
    ) -> (store::Result<T>, Duration) {
        // A store in memory answers at the first poll; it needs no timer.
        let (answered, took) = match poll_fn(|context| Poll::Ready(call.as_mut().poll(context))).await {
            Poll::Ready(answered) => (answered, Duration::ZERO),
            Poll::Pending => {
                let asked = tokio::time::Instant::now();
                let answered = tokio::time::timeout(patience, call).await;
                let late = |_| Err(store::Error::new(Kind::Timeout, "no answer in time"));
                (answered.unwrap_or_else(late), asked.elapsed())
            }
        };
        match &answered {
            Ok(_) if self.store_state.is_down() => self.succeeded(verb),
            Ok(_) => {}
            // It answers; it has no room.
            Err(error) if error.kind() == Kind::Full => {}
            Err(error) => self.failed(verb, error),
        }
        (answered, took)
    }

    fn succeeded(&self, verb: Verb) {
        if self.store_state.succeeded(verb, || self.outbox.len() > 0).is_some() {
            tracing::info!("the store answers again");
        }
    }

    fn failed(&self, verb: Verb, error: &store::Error) {
        metrics::counter!("presence_store_errors_total", "kind" => error.kind().as_str()).increment(1);
        if let Some(Line::Down { unlogged }) = self.store_state.failed(verb, error, self.now()) {
            let error = error as &dyn std::error::Error;
            tracing::warn!(error, unlogged, "the store does not answer");
        }
    }

    /// Tells the store what has just been entered here.
    pub async fn tell(&self, told: StoreWrite) -> Result<BeatOutcome, Error> {
        match told {
            StoreWrite::Nothing => Ok(BeatOutcome::Late),
            StoreWrite::Postponed { placed_at } => Ok(BeatOutcome::Postponed { placed_at }),
            StoreWrite::Touch { touch, placed_at, confirms } => {
                self.touch(touch, confirms).await?;
                Ok(BeatOutcome::Stored { placed_at })
            }
            StoreWrite::Put { sessions, roll_back } => {
                let placed_at =
                    sessions.first().map(|session| session.placement.placed_at).unwrap_or_default();
                self.put(sessions, Some(roll_back), PATIENCE).await?;
                Ok(BeatOutcome::Stored { placed_at })
            }
        }
    }

    async fn touch(&self, touch: Touch, confirms: bool) -> Result<(), Error> {
        let touches = [touch];
        let unfinished = Unfinished { shared: self, keys: || keys_of(&touches), owes: WriteKind::Touch };
        let touching = self.store().touch(&touches);
        let (answered, took) = self.call_within(Verb::Touch, PATIENCE, touching).await;
        unfinished.finish();
        match answered {
            Ok(missed) if missed.is_empty() => {
                if confirms {
                    self.confirm_touched(&touches);
                }
                Ok(())
            }
            Ok(missed) => {
                let sessions: Vec<_> = missed.iter().filter_map(|key| self.roster.session(key)).collect();
                self.put(sessions, None, PATIENCE.saturating_sub(took)).await
            }
            Err(error) => Err(self.owe(keys_of(&touches), WriteKind::Touch, error)),
        }
    }

    async fn put(
        &self,
        sessions: Vec<Session>,
        roll_back: Option<Rollback>,
        patience: Duration,
    ) -> Result<(), Error> {
        let keys = || sessions.iter().map(Session::key).collect::<Vec<_>>();
        let unfinished = Unfinished { shared: self, keys, owes: WriteKind::Put };
        let (answered, _) = self.call_within(Verb::Put, patience, self.store().put(&sessions)).await;
        unfinished.finish();
        match answered {
            Ok(()) => {
                self.confirm_put(&sessions);
                Ok(())
            }
            Err(error) => {
                if matches!(error.kind(), Kind::Rejected | Kind::Full)
                    && let Some(roll_back) = &roll_back
                {
                    self.roster.roll_back(roll_back, self.now());
                    if error.kind() == Kind::Full {
                        // Whoever had to make room for it has been told of.
                        return Err(Error::Full);
                    }
                }
                Err(self.owe(keys(), WriteKind::Put, error))
            }
        }
    }

    pub fn confirm_put(&self, sessions: &[Session]) {
        self.roster.confirm(sessions.iter().map(|session| (&session.user, &session.id)), self.now());
    }

    pub fn confirm_touched(&self, touches: &[Touch]) {
        let keys = touches.iter().filter_map(|touch| match touch {
            Touch::Session { user, id, .. } => Some((user, id)),
            Touch::Node { .. } => None,
        });
        self.roster.confirm(keys, self.now());
    }

    /// Notes what could not be told, unless telling it again is pointless.
    fn owe(&self, keys: Vec<SessionKey>, owes: WriteKind, error: store::Error) -> Error {
        if error.kind() == Kind::Rejected {
            return Error::Rejected(error);
        }
        self.outbox.mark(keys, owes);
        Error::Degraded(error)
    }
}

fn keys_of(touches: &[Touch]) -> Vec<SessionKey> {
    let key = |touch: &Touch| match touch {
        Touch::Session { user, id, .. } => Some(SessionKey { user: user.clone(), id: id.clone() }),
        Touch::Node { .. } => None,
    };
    touches.iter().filter_map(key).collect()
}

/// A call in flight: if its caller goes away before the answer, the store is told again later.
struct Unfinished<'a, K: Fn() -> Vec<SessionKey>> {
    shared: &'a Shared,
    keys: K,
    owes: WriteKind,
}

impl<K: Fn() -> Vec<SessionKey>> Unfinished<'_, K> {
    fn finish(self) {
        std::mem::forget(self);
    }
}

impl<K: Fn() -> Vec<SessionKey>> Drop for Unfinished<'_, K> {
    fn drop(&mut self) {
        self.shared.outbox.mark((self.keys)(), self.owes);
    }
}
