//! Calls of the store: their timeout, the effect of their outcome, and what the
//! outbox repeats later.

use super::outbox::WriteKind;
use super::shared::Shared;
use super::store_state::{Line, Verb};
use super::{BeatOutcome, Error};
use crate::model::{Session, SessionKey};
use crate::roster::{Rollback, StoreWrite};
use crate::store::{self, Kind, Misses, Touch};
use futures_util::future::{BoxFuture, Either, Ready, ready};
use futures_util::{FutureExt, TryFutureExt};
use std::future::poll_fn;
use std::task::Poll;
use std::time::Duration;

/// Timeout for all store calls of one heartbeat, so that its caller gets an answer within 2
/// s in total.
const PATIENCE: Duration = Duration::from_millis(1_500);

/// The outcome of a write: known at once, or after the store has answered.
type Write<'a> = Either<Ready<Result<BeatOutcome, Error>>, BoxFuture<'a, Result<BeatOutcome, Error>>>;

impl Shared {
    /// Awaits a call of the store with a timeout, and records whether the store is up.
    pub async fn call<T>(&self, verb: Verb, call: BoxFuture<'_, store::Result<T>>) -> store::Result<T> {
        self.call_within(verb, PATIENCE, call).await.0
    }

    /// Like [`call`](Self::call), with another timeout; also returns the time taken.
    async fn call_within<T>(
        &self,
        verb: Verb,
        patience: Duration,
        mut call: BoxFuture<'_, store::Result<T>>,
    ) -> (store::Result<T>, Duration) {
        // A memory store answers at the first poll, so no timer is needed.
        let (answered, took) = match poll_fn(|context| Poll::Ready(call.as_mut().poll(context))).await {
            Poll::Ready(answered) => (answered, Duration::ZERO),
            Poll::Pending => {
                let asked = tokio::time::Instant::now();
                let answered = tokio::time::timeout(patience, call).await;
                let late = |_| Err(store::Error::new(Kind::Timeout, "no answer in time"));
                (answered.unwrap_or_else(late), asked.elapsed())
            }
        };
        (self.note(verb, answered), took)
    }

    /// Records whether the store is up, according to the answer to a call.
    fn note<T>(&self, verb: Verb, answered: store::Result<T>) -> store::Result<T> {
        match &answered {
            Ok(_) if self.store_state.is_down() => self.note_success(verb),
            Ok(_) => {}
            // A store that is full is still up.
            Err(error) if error.kind() == Kind::Full => {}
            Err(error) => self.note_failure(verb, error),
        }
        answered
    }

    pub(super) fn note_success(&self, verb: Verb) {
        if self.store_state.succeeded(verb, || self.outbox.len() > 0).is_some() {
            tracing::info!("the store answers again");
        }
    }

    fn note_failure(&self, verb: Verb, error: &store::Error) {
        metrics::counter!("presence_store_errors_total", "kind" => error.kind().as_str()).increment(1);
        if let Some(Line::Down { unlogged }) = self.store_state.failed(verb, error, self.now()) {
            let error = error as &dyn std::error::Error;
            tracing::warn!(error, unlogged, "the store does not answer");
        }
    }

    /// Writes to the store what the roster has recorded of a session.
    ///
    /// What a store in the process answers at once needs no future. What waits is boxed: else the
    /// future of each heartbeat, and of the handler around it, would reserve room for it.
    pub fn write(&self, key: SessionKey, write: StoreWrite) -> Write<'_> {
        let at_once = |outcome| Either::Left(ready(Ok(outcome)));
        match write {
            StoreWrite::Nothing => at_once(BeatOutcome::Late),
            StoreWrite::Postponed { placed_at } => at_once(BeatOutcome::Postponed { placed_at }),
            StoreWrite::Touch { seen_at, active_at, placed_at, confirms } => {
                let SessionKey { user, id } = key;
                let touches = [Touch::Session { user, id, seen_at, active_at }];
                let answered =
                    self.store().touch_now(&touches).map(|answered| self.note(Verb::Touch, answered));
                let stored = BeatOutcome::Stored { placed_at };
                if matches!(&answered, Some(Ok(missed)) if missed.is_empty()) {
                    if confirms {
                        self.confirm_touched(&touches);
                    }
                    return at_once(stored);
                }
                let touched = self.touch(touches, confirms, answered);
                Either::Right(touched.map_ok(move |()| stored).boxed())
            }
            StoreWrite::Put { sessions, roll_back } => {
                let placed_at =
                    sessions.first().map(|session| session.placement.placed_at).unwrap_or_default();
                let put = self.put(sessions, Some(roll_back), PATIENCE);
                Either::Right(put.map_ok(move |()| BeatOutcome::Stored { placed_at }).boxed())
            }
        }
    }

    /// Renews a session in the store, unless `answered` is its answer already.
    async fn touch(
        &self,
        touches: [Touch; 1],
        confirms: bool,
        answered: Option<store::Result<Misses>>,
    ) -> Result<(), Error> {
        let (answered, took) = match answered {
            Some(answered) => (answered, Duration::ZERO),
            None => self.call_touch(&touches).await,
        };
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
            Err(error) => Err(self.defer(keys_of(&touches), WriteKind::Touch, error)),
        }
    }

    async fn call_touch(&self, touches: &[Touch]) -> (store::Result<Misses>, Duration) {
        let keys = || keys_of(touches);
        let unfinished = Unfinished { shared: self, keys, kind: WriteKind::Touch };
        let answered = self.call_within(Verb::Touch, PATIENCE, self.store().touch(touches)).await;
        unfinished.finish();
        answered
    }

    async fn put(
        &self,
        sessions: Vec<Session>,
        roll_back: Option<Box<Rollback>>,
        patience: Duration,
    ) -> Result<(), Error> {
        let keys = || sessions.iter().map(Session::key).collect::<Vec<_>>();
        let unfinished = Unfinished { shared: self, keys, kind: WriteKind::Put };
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
                        // Sessions evicted to make room have been written.
                        return Err(Error::Full);
                    }
                }
                Err(self.defer(keys(), WriteKind::Put, error))
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

    /// Adds failed writes to the outbox, unless the store would refuse them again.
    fn defer(&self, keys: Vec<SessionKey>, kind: WriteKind, error: store::Error) -> Error {
        if error.kind() == Kind::Rejected {
            return Error::Rejected(error);
        }
        self.outbox.mark(keys, kind);
        Error::Degraded(error)
    }
}

fn keys_of(touches: &[Touch]) -> Vec<SessionKey> {
    touches.iter().filter_map(Touch::key).collect()
}

/// Guard of a call in flight: if the caller is cancelled, it adds the write to the outbox.
struct Unfinished<'a, K: Fn() -> Vec<SessionKey>> {
    shared: &'a Shared,
    keys: K,
    kind: WriteKind,
}

impl<K: Fn() -> Vec<SessionKey>> Unfinished<'_, K> {
    fn finish(self) {
        std::mem::forget(self);
    }
}

impl<K: Fn() -> Vec<SessionKey>> Drop for Unfinished<'_, K> {
    fn drop(&mut self) {
        self.shared.outbox.mark((self.keys)(), self.kind);
    }
}
