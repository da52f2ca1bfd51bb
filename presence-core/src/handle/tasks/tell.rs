//! Drains the outbox: tells the store the truth of what it must still be told.

use super::super::inner::Inner;
use super::super::outbox::{Owed, Owes};
use super::super::store_state::Verb;
use super::Backoff;
use crate::model::{Session, SessionKey};
use crate::store::{self, BATCH_ENTRIES, Kind, Touch, batches};
use std::sync::Arc;
use std::time::Duration;

/// From how many owed sessions on it counts as a mass event, which every process of the cluster has
/// at the same time.
const MASS: usize = 64;
/// How often it is tried while nothing gets through, at least. Proofs of the store's time bring it
/// about sooner.
const RETRIES_EVERY: Duration = Duration::from_secs(2);
/// How soon after a failed attempt a proof of the store's time brings the next one about.
const WAKES_AFTER: Duration = Duration::from_millis(100);
/// Over how long processes spread what they tell after a mass event.
const SPREAD: Duration = Duration::from_secs(1);

pub async fn run(inner: Arc<Inner>) {
    let mut backoff = Backoff::up_to(RETRIES_EVERY);
    inner.knows_time().await;
    loop {
        inner.outbox.marked.notified().await;
        let owed = inner.outbox.len();
        if owed >= MASS {
            tokio::time::sleep((SPREAD / 2).mul_f64(crate::random::fraction())).await;
        }
        // What is owed takes the rest of the spread, a batch at a time.
        let batches = u32::try_from(owed.div_ceil(BATCH_ENTRIES)).unwrap_or(u32::MAX).max(1);
        while inner.outbox.len() > 0 {
            if drain(&inner).await.is_ok() {
                backoff.reset();
            } else {
                tokio::select! {
                    biased;
                    () = backoff.wait() => {}
                    () = woken(&inner) => {}
                }
            }
            if inner.outbox.len() >= MASS {
                tokio::time::sleep(SPREAD / 2 / batches).await;
            }
        }
    }
}

/// Returns once the store has taken a write of somebody, if the last attempt is not only just over.
async fn woken(inner: &Inner) {
    tokio::time::sleep(WAKES_AFTER).await;
    inner.proven.notified().await;
}

/// Tells one batch; what fails goes back.
pub async fn drain(inner: &Inner) -> store::Result<()> {
    tell_records(inner).await?;
    let batch = inner.outbox.take(BATCH_ENTRIES);
    let (mut puts, mut touches) = (Vec::new(), Vec::new());
    for (key, owed) in &batch {
        let Some(session) = inner.roster.session(key) else { continue };
        match owed.owes {
            Owes::Put => puts.push(session),
            Owes::Touch => touches.push(touch_of(&session)),
        }
    }
    match tell(inner, puts, touches).await {
        Ok(()) => {
            answer(batch, &Ok(()));
            Ok(())
        }
        Err(error) if error.kind() == Kind::Rejected => {
            tracing::error!(
                error = &error as &dyn std::error::Error,
                sessions = batch.len(),
                "the store refuses"
            );
            answer(batch, &Err(Arc::new(error)));
            Ok(())
        }
        Err(error) => {
            inner.outbox.put_back(batch);
            Err(error)
        }
    }
}

/// Tells a batch of users' records: first, since they end what is put.
async fn tell_records(inner: &Inner) -> store::Result<()> {
    let users = inner.outbox.take_records(BATCH_ENTRIES);
    let records: Vec<_> = users.iter().filter_map(|user| inner.roster.record(user)).collect();
    if records.is_empty() {
        return Ok(());
    }
    match inner.call(Verb::Remember, inner.store().remember(&records)).await {
        Err(error) if error.kind() == Kind::Rejected => {
            let (error, records) = (&error as &dyn std::error::Error, records.len());
            tracing::error!(error, records, "the store refuses records of users");
            Ok(())
        }
        Err(error) => {
            inner.outbox.mark_records(users);
            Err(error)
        }
        Ok(()) => Ok(()),
    }
}

async fn tell(inner: &Inner, mut puts: Vec<Session>, touches: Vec<Touch>) -> store::Result<()> {
    if !touches.is_empty() {
        let missed = inner.call(Verb::Touch, inner.store().touch(&touches)).await?;
        if missed.is_empty() {
            inner.confirm_touched(&touches);
        }
        puts.extend(missed.iter().filter_map(|key| inner.roster.session(key)));
    }
    for batch in batches(&puts) {
        inner.call(Verb::Put, inner.store().put(batch)).await?;
        inner.confirm_put(batch);
    }
    Ok(())
}

fn touch_of(session: &Session) -> Touch {
    Touch::Session {
        user: session.user.clone(),
        id: session.id.clone(),
        seen_at: session.seen_at,
        active_at: session.active_at,
    }
}

fn answer(batch: Vec<(SessionKey, Owed)>, told: &Result<(), Arc<store::Error>>) {
    for waiter in batch.into_iter().flat_map(|(_, owed)| owed.waiters) {
        // Whoever stopped waiting has no use for the answer.
        let _ = waiter.send(told.clone());
    }
}
