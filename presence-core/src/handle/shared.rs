//! State that the handle and its tasks share.

use super::disconnections::Disconnections;
use super::hold::Connection;
use super::outbox::Outbox;
use super::report::StoreHealth;
use super::store_state::{StoreState, Verb};
use crate::model::SessionKey;
use crate::roster::Roster;
use crate::store::PresenceStore;
use crate::time::{Clock, Timestamp, View};
use parking_lot::Mutex;
use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;
use tokio::sync::{Notify, watch};

/// How long the first heartbeats of a process wait for the store's time at most.
const PATIENCE_AT_START: Duration = Duration::from_millis(400);

pub(super) struct Shared {
    store: Arc<dyn PresenceStore>,
    pub roster: Roster,
    pub clock: Arc<dyn Clock>,
    pub outbox: Outbox,
    /// Wakes the sweep that waits for a proof, because one has arrived.
    pub moved: Notify,
    /// Wakes the sweep, because a check is due earlier than announced.
    pub due: Notify,
    /// Wakes tasks that wait until the store accepts writes, because it has just accepted one.
    pub proven: Notify,
    /// Wakes the publisher, because watches have unpublished changes.
    pub changed: Notify,
    /// Whether the store's time is known; `None` until the store has answered or failed once.
    is_calibrated: watch::Sender<Option<bool>>,
    /// Whether `is_calibrated` is no longer `None`.
    has_asked: AtomicBool,
    pub is_ready: watch::Sender<bool>,
    /// Whether this process has shut down and ended all subscriptions.
    pub has_ended: watch::Sender<bool>,
    /// Whether the roster's content is fresh, as of the last check.
    view: watch::Sender<View>,
    /// How long clients have to reconnect, once this process drains.
    pub draining: watch::Sender<Option<Duration>>,
    /// The latest connection of each session that this process holds.
    pub connections: Mutex<HashMap<SessionKey, Connection, foldhash::fast::RandomState>>,
    pub disconnections: Arc<Disconnections>,
    pub next_id: AtomicU64,
    closed: AtomicBool,
    pub store_state: StoreState,
}

impl Shared {
    pub fn new(store: Arc<dyn PresenceStore>, roster: Roster, clock: Arc<dyn Clock>) -> Self {
        Self {
            store,
            roster,
            clock,
            outbox: Outbox::default(),
            moved: Notify::new(),
            due: Notify::new(),
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

    /// The store behind the `Arc`. The trait is also implemented for `Arc`, and calling that would
    /// box every future twice.
    pub fn store(&self) -> &dyn PresenceStore {
        &*self.store
    }

    /// Refuses heartbeats from now on.
    pub fn close(&self) {
        self.closed.store(true, Ordering::Release);
    }

    pub fn is_closed(&self) -> bool {
        self.closed.load(Ordering::Acquire)
    }

    pub fn now(&self) -> Timestamp {
        self.clock.now()
    }

    /// Waits until the store's time is known, but only for a short time. After that, records are
    /// stamped by the process's own clock, and converted to the store's time once that is known.
    pub async fn calibrated(&self) {
        // Every heartbeat calls this, so it avoids the lock of the channel.
        if !self.has_asked.load(Ordering::Relaxed) {
            let mut known = self.is_calibrated.subscribe();
            let wait = tokio::time::timeout(PATIENCE_AT_START, known.wait_for(Option::is_some));
            // Boxed, so that heartbeats do not reserve room for what only the first ones do.
            let _ = Box::pin(wait).await;
        }
    }

    /// Asks the store for its time, unless it is known already.
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

    /// Records whether the store's time is known, after an answer or a proof of the feed. If the
    /// store was unreachable at the start, the first proof may come before another answer.
    pub fn note_time(&self, is_known: bool) {
        self.is_calibrated.send_if_modified(|known| {
            let changes = *known != Some(is_known);
            *known = Some(is_known);
            changes
        });
        self.has_asked.store(true, Ordering::Relaxed);
        if is_known && self.store_state.is_down() {
            // A proof has arrived, so the store is reachable.
            self.note_success(Verb::Now);
        }
    }

    /// Waits until the store's time is known, however long that takes.
    pub async fn knows_time(&self) {
        // The sender is in `self`.
        let _ = self.is_calibrated.subscribe().wait_for(|known| *known == Some(true)).await;
    }

    /// Notifies watchers of the view if it became fresh or stale.
    pub fn note_view(&self) {
        let now = self.roster.view(self.now());
        let changes =
            self.view.send_if_modified(|view| std::mem::replace(view, now).is_fresh() != now.is_fresh());
        if changes && now.is_fresh() {
            // The sweep must schedule anew when the view turns stale.
            self.due.notify_one();
        }
    }

    pub fn watch_view(&self) -> watch::Receiver<View> {
        self.view.subscribe()
    }

    pub fn health(&self) -> StoreHealth {
        self.store_state.health()
    }
}
