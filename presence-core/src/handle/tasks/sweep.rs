//! Looks at what time brings about, whenever the view moves and at least four times a second.

use super::super::inner::Inner;
use super::super::outbox::Owes;
use super::super::store_state::Verb;
use crate::model::UserRecord;
use crate::roster::{Roster, Swept};
use crate::store::{BATCH_ENTRIES, Seen};
use std::sync::Arc;

/// How many sessions are looked at before other tasks get their turn: a few milliseconds.
const BUDGET: u32 = 4_096;

pub async fn run(inner: Arc<Inner>) {
    let mut tidy_at = inner.now() + Roster::TIDY_EVERY;
    loop {
        let next = inner.now() + Roster::SWEEP_EVERY;
        tokio::select! {
            biased; // So that a history comes again with its seed.
            () = inner.clock.sleep_until(next) => {}
            () = inner.moved.notified() => {}
        }
        inner.note_view();
        let Swept { remember, mut forget, .. } = sweep(&inner).await;
        if inner.now() >= tidy_at {
            forget.extend(inner.roster.tidy(inner.now()));
            forget.extend(inner.roster.tidy_records(|user| inner.store().shard_of(user), inner.now()));
            tidy_at = inner.now() + Roster::TIDY_EVERY;
            gauges(&inner);
        }
        forget_all(&inner, remember, forget);
    }
}

async fn sweep(inner: &Inner) -> Swept {
    let mut all = Swept::default();
    loop {
        let swept = inner.roster.sweep(inner.now(), BUDGET);
        if !swept.touch.is_empty() {
            inner.outbox.mark(swept.touch, Owes::Touch);
        }
        all.remember.extend(swept.remember);
        all.forget.extend(swept.forget);
        // In between, so that in a mass event little waits at any time.
        if !inner.roster.sort(BUDGET as usize) && !swept.more {
            return all;
        }
        tokio::task::yield_now().await;
    }
}

/// Garbage collection of the store: first what is kept of users whose sessions go, then those go.
/// What fails comes up again a lease later, here or in another process.
fn forget_all(inner: &Arc<Inner>, remember: Vec<UserRecord>, forget: Vec<Seen>) {
    if forget.is_empty() {
        return;
    }
    let inner = Arc::clone(inner);
    // Apart, so that a store that hangs does not hold up verdicts.
    tokio::spawn(async move {
        for batch in remember.chunks(BATCH_ENTRIES) {
            if inner.call(Verb::Forget, inner.store().remember(batch)).await.is_err() {
                return;
            }
            inner.roster.learn(batch, |user| inner.store().shard_of(user), inner.now());
        }
        for batch in forget.chunks(BATCH_ENTRIES) {
            if inner.call(Verb::Forget, inner.store().forget(batch)).await.is_ok() {
                let owed = inner.roster.forgotten(batch, inner.now());
                inner.outbox.mark(owed, Owes::Put);
            }
        }
    });
}

#[expect(clippy::cast_precision_loss, reason = "a gauge is a double")]
fn gauges(inner: &Inner) {
    metrics::gauge!("presence_sessions").set(inner.roster.shown_sessions() as f64);
    metrics::gauge!("presence_users_online").set(f64::from(inner.roster.counts().online));
    metrics::gauge!("presence_outbox").set(inner.outbox.len() as f64);
    let is_stale = !inner.roster.view(inner.now()).is_fresh();
    metrics::gauge!("presence_view_stale").set(f64::from(u8::from(is_stale)));
}
