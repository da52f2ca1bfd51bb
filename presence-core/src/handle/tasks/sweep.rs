//! Runs the roster's sweep when a check is due, and its periodic maintenance.

use super::super::outbox::WriteKind;
use super::super::shared::Shared;
use super::super::store_state::Verb;
use crate::model::UserRecord;
use crate::roster::{Roster, SweepOutput};
use crate::store::{BATCH_ENTRIES, ForgetIf};
use crate::time::Timestamp;
use std::sync::Arc;
use std::time::Duration;

/// Number of sessions that are checked before other tasks run: a few milliseconds of work.
const BUDGET: u32 = 4_096;

pub async fn run(shared: Arc<Shared>) {
    let mut tidy_at = shared.now() + Roster::TIDY_EVERY;
    loop {
        let due_at = shared.roster.due_at();
        // The view becomes fresh when a proof arrives. It turns stale without any event, so this
        // task checks for that.
        let stale_at = shared.roster.fresh_until(shared.now()).unwrap_or(Timestamp::MAX);
        let upkeep_at = tidy_at.min(stale_at + Duration::from_millis(1));
        tokio::select! {
            biased; // So that a seed reproduces its history.
            () = shared.clock.sleep_until(due_at) => {}
            () = shared.clock.sleep_past(upkeep_at) => {}
            () = shared.due.notified() => {}
        }
        proof_of(&shared, due_at).await;
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

/// Waits for the next proof, but only for a short time. Sessions are judged by proven time, so a
/// check before the proof would find no change.
async fn proof_of(shared: &Shared, due_at: Timestamp) {
    while due_at <= shared.now() && shared.roster.awaits_proof(due_at, shared.now()) {
        tokio::select! {
            biased;
            () = shared.moved.notified() => {}
            () = shared.clock.sleep_until(due_at + Roster::SWEEP_EVERY) => return,
        }
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
        // Interleaved with the sweep, so that few changes are pending even if many sessions change
        // at once.
        if !shared.roster.sort(BUDGET as usize) && !swept.more {
            return all;
        }
        tokio::task::yield_now().await;
    }
}

/// Garbage collection of the store: writes the last-seen times of users whose sessions are to be
/// forgotten, then makes the store forget the sessions. After a failure, this or another process
/// tries again a lease later.
fn forget_all(shared: &Arc<Shared>, remember: Vec<UserRecord>, forget: Vec<ForgetIf>) {
    if forget.is_empty() {
        return;
    }
    let shared = Arc::clone(shared);
    // In a task of its own, so that a store that hangs does not delay the sweep.
    tokio::spawn(async move {
        for batch in remember.chunks(BATCH_ENTRIES) {
            if shared.call(Verb::Forget, shared.store().remember(batch)).await.is_err() {
                return;
            }
            shared.roster.learn(batch, |user| shared.store().shard_of(user), shared.now());
        }
        for batch in forget.chunks(BATCH_ENTRIES) {
            if shared.call(Verb::Forget, shared.store().forget(batch)).await.is_ok() {
                let rewrites = shared.roster.forgotten(batch, shared.now());
                shared.outbox.mark(rewrites, WriteKind::Put);
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
