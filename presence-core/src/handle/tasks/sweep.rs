//! Looks at what time brings about, whenever the view moves and at least four times a second.

use super::super::outbox::WriteKind;
use super::super::shared::Shared;
use super::super::store_state::Verb;
use crate::model::UserRecord;
use crate::roster::{Roster, SweepOutput};
use crate::store::{BATCH_ENTRIES, ForgetIf};
use std::sync::Arc;

/// How many sessions are looked at before other tasks get their turn: a few milliseconds.
const BUDGET: u32 = 4_096;

pub async fn run(shared: Arc<Shared>) {
    let mut tidy_at = shared.now() + Roster::TIDY_EVERY;
    loop {
        let next = shared.now() + Roster::SWEEP_EVERY;
        tokio::select! {
            biased; // So that a history comes again with its seed.
            () = shared.clock.sleep_until(next) => {}
            () = shared.moved.notified() => {}
        }
        shared.note_view();
        let SweepOutput { remember, mut forget, .. } = sweep(&shared).await;
        if shared.now() >= tidy_at {
            forget.extend(shared.roster.tidy(shared.now()));
            forget.extend(shared.roster.tidy_records(|user| shared.store().shard_of(user), shared.now()));
            tidy_at = shared.now() + Roster::TIDY_EVERY;
            gauges(&shared);
        }
        forget_all(&shared, remember, forget);
    }
}

async fn sweep(shared: &Shared) -> SweepOutput {
    let mut all = SweepOutput::default();
    loop {
        let swept = shared.roster.sweep(shared.now(), BUDGET);
        if !swept.touch.is_empty() {
            shared.outbox.mark(swept.touch, WriteKind::Touch);
        }
        all.remember.extend(swept.remember);
        all.forget.extend(swept.forget);
        // In between, so that in a mass event little waits at any time.
        if !shared.roster.sort(BUDGET as usize) && !swept.more {
            return all;
        }
        tokio::task::yield_now().await;
    }
}

/// Garbage collection of the store: first what is kept of users whose sessions go, then those go.
/// What fails comes up again a lease later, here or in another process.
fn forget_all(shared: &Arc<Shared>, remember: Vec<UserRecord>, forget: Vec<ForgetIf>) {
    if forget.is_empty() {
        return;
    }
    let shared = Arc::clone(shared);
    // Apart, so that a store that hangs does not hold up verdicts.
    tokio::spawn(async move {
        for batch in remember.chunks(BATCH_ENTRIES) {
            if shared.call(Verb::Forget, shared.store().remember(batch)).await.is_err() {
                return;
            }
            shared.roster.learn(batch, |user| shared.store().shard_of(user), shared.now());
        }
        for batch in forget.chunks(BATCH_ENTRIES) {
            if shared.call(Verb::Forget, shared.store().forget(batch)).await.is_ok() {
                let owed = shared.roster.forgotten(batch, shared.now());
                shared.outbox.mark(owed, WriteKind::Put);
            }
        }
    });
}

#[expect(clippy::cast_precision_loss, reason = "a gauge is a double")]
fn gauges(shared: &Shared) {
    metrics::gauge!("presence_sessions").set(shared.roster.shown_sessions() as f64);
    metrics::gauge!("presence_users_online").set(f64::from(shared.roster.counts().online));
    metrics::gauge!("presence_outbox").set(shared.outbox.len() as f64);
    let is_stale = !shared.roster.view(shared.now()).is_fresh();
    metrics::gauge!("presence_view_stale").set(f64::from(u8::from(is_stale)));
}
