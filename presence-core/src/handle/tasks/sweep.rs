//! Looks at what time brings about, whenever the view moves and at least four times a second.

use super::super::inner::Inner;
use super::super::outbox::Owes;
use super::super::store_state::Verb;
use crate::roster::Roster;
use crate::store::{BATCH_ENTRIES, Seen};
use std::sync::Arc;

/// How many sessions are looked at before other tasks get their turn: a few milliseconds.
const BUDGET: u32 = 4_096;

pub async fn run(inner: Arc<Inner>) {
    let mut tidy_at = inner.now() + Roster::TIDY_EVERY;
    loop {
        let next = inner.now() + Roster::SWEEP_EVERY;
        tokio::select! {
            () = inner.clock.sleep_until(next) => {}
            () = inner.moved.notified() => {}
        }
        inner.note_view();
        let mut forget = sweep(&inner).await;
        if inner.now() >= tidy_at {
            forget.extend(inner.roster.tidy(inner.now()));
            tidy_at = inner.now() + Roster::TIDY_EVERY;
            gauges(&inner);
        }
        forget_all(&inner, &forget);
    }
}

async fn sweep(inner: &Inner) -> Vec<Seen> {
    let mut forget = Vec::new();
    loop {
        let swept = inner.roster.sweep(inner.now(), BUDGET);
        if !swept.touch.is_empty() {
            inner.outbox.mark(swept.touch, Owes::Touch);
        }
        forget.extend(swept.forget);
        // In between, so that in a mass event little waits at any time.
        if !inner.roster.sort(BUDGET as usize) && !swept.more {
            return forget;
        }
        tokio::task::yield_now().await;
    }
}

/// Garbage collection of the store. What fails comes up again a lease later, here or in another process.
fn forget_all(inner: &Arc<Inner>, forget: &[Seen]) {
    for batch in forget.chunks(BATCH_ENTRIES) {
        let batch = batch.to_vec();
        let inner = Arc::clone(inner);
        // Apart, so that a store that hangs does not hold up verdicts.
        tokio::spawn(async move {
            if inner.call(Verb::Forget, inner.store().forget(&batch)).await.is_ok() {
                let owed = inner.roster.forgotten(&batch, inner.now());
                inner.outbox.mark(owed, Owes::Put);
            }
        });
    }
}

#[expect(clippy::cast_precision_loss, reason = "a gauge is a double")]
fn gauges(inner: &Inner) {
    metrics::gauge!("presence_sessions").set(inner.roster.len() as f64);
    metrics::gauge!("presence_users_online").set(f64::from(inner.roster.counts().online));
    metrics::gauge!("presence_outbox").set(inner.outbox.len() as f64);
    let is_stale = !inner.roster.view(inner.now()).is_fresh();
    metrics::gauge!("presence_view_stale").set(f64::from(u8::from(is_stale)));
}
