//! Drains the outbox: tells the store the truth of what it must still be told.

use super::super::outbox::{Owed, WriteKind};
use super::super::shared::Shared;
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

pub async fn run(shared: Arc<Shared>) {
    let mut backoff = Backoff::up_to(RETRIES_EVERY);
    shared.knows_time().await;
    loop {
        shared.outbox.marked.notified().await;
        let owed = shared.outbox.len();
        if owed >= MASS {
            tokio::time::sleep((SPREAD / 2).mul_f64(crate::random::fraction())).await;
        }
        // What is owed takes the rest of the spread, a batch at a time.
        let batches = u32::try_from(owed.div_ceil(BATCH_ENTRIES)).unwrap_or(u32::MAX).max(1);
        while shared.outbox.len() > 0 {
            if drain(&shared).await.is_ok() {
                backoff.reset();
            } else {
                tokio::select! {
                    biased;
                    () = backoff.wait() => {}
                    () = woken(&shared) => {}
                }
            }
            if shared.outbox.len() >= MASS {
                tokio::time::sleep(SPREAD / 2 / batches).await;
            }
        }
    }
}

/// Returns once the store has taken a write of somebody, if the last attempt is not only just over.
async fn woken(shared: &Shared) {
    tokio::time::sleep(WAKES_AFTER).await;
    shared.proven.notified().await;
}

/// Tells one batch; what fails goes back.
pub async fn drain(shared: &Shared) -> store::Result<()> {
    tell_records(shared).await?;
    let batch = shared.outbox.take(BATCH_ENTRIES);
    let (mut puts, mut touches) = (Vec::new(), Vec::new());
    for (key, owed) in &batch {
        let Some(session) = shared.roster.session(key) else { continue };
        match owed.owes {
            WriteKind::Put => puts.push(session),
            WriteKind::Touch => touches.push(touch_of(&session)),
        }
    }
    match tell(shared, puts, touches).await {
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
            shared.outbox.put_back(batch);
            Err(error)
        }
    }
}

/// Tells a batch of users' records: first, since they end what is put.
async fn tell_records(shared: &Shared) -> store::Result<()> {
    let users = shared.outbox.take_records(BATCH_ENTRIES);
    let records: Vec<_> = users.iter().filter_map(|user| shared.roster.record(user)).collect();
    if records.is_empty() {
        return Ok(());
    }
    match shared.call(Verb::Remember, shared.store().remember(&records)).await {
        Err(error) if error.kind() == Kind::Rejected => {
            let (error, records) = (&error as &dyn std::error::Error, records.len());
            tracing::error!(error, records, "the store refuses records of users");
            Ok(())
        }
        Err(error) => {
            shared.outbox.mark_records(users);
            Err(error)
        }
        Ok(()) => Ok(()),
    }
}

async fn tell(shared: &Shared, mut puts: Vec<Session>, touches: Vec<Touch>) -> store::Result<()> {
    if !touches.is_empty() {
        let missed = shared.call(Verb::Touch, shared.store().touch(&touches)).await?;
        if missed.is_empty() {
            shared.confirm_touched(&touches);
        }
        puts.extend(missed.iter().filter_map(|key| shared.roster.session(key)));
    }
    for batch in batches(&puts) {
        shared.call(Verb::Put, shared.store().put(batch)).await?;
        shared.confirm_put(batch);
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
