//! Empties the outbox: writes the sessions and user records that are queued there.

use super::super::outbox::{Pending, WriteKind};
use super::super::shared::Shared;
use super::super::store_state::Verb;
use super::Backoff;
use crate::model::{Session, SessionKey};
use crate::store::{self, BATCH_ENTRIES, Kind, Touch, batches};
use std::sync::Arc;
use std::time::Duration;

/// With at least this many waiting sessions, the cause is probably an event that affects all
/// processes of the cluster, such as a restart of the store.
const MASS: usize = 64;
/// Longest delay between attempts. A proof of the store's time triggers one earlier.
const RETRIES_EVERY: Duration = Duration::from_secs(2);
/// Shortest delay between a failed attempt and one that a proof triggers.
const WAKES_AFTER: Duration = Duration::from_millis(100);
/// Period over which processes spread their writes after such an event.
const SPREAD: Duration = Duration::from_secs(1);

pub async fn run(shared: Arc<Shared>) {
    let mut backoff = Backoff::up_to(RETRIES_EVERY);
    shared.knows_time().await;
    loop {
        shared.outbox.marked.notified().await;
        let waiting = shared.outbox.len();
        if waiting >= MASS {
            tokio::time::sleep((SPREAD / 2).mul_f64(crate::random::fraction())).await;
        }
        // The rest of the period is divided among the batches.
        let batches = u32::try_from(waiting.div_ceil(BATCH_ENTRIES)).unwrap_or(u32::MAX).max(1);
        while shared.outbox.len() > 0 {
            if drain(&shared).await.is_ok() {
                backoff.reset();
            } else {
                tokio::select! {
                    biased;
                    () = backoff.wait() => {}
                    () = store_accepts_writes(&shared) => {}
                }
            }
            if shared.outbox.len() >= MASS {
                tokio::time::sleep(SPREAD / 2 / batches).await;
            }
        }
    }
}

/// Returns when a proof shows that the store accepts writes, but not right after the last attempt.
async fn store_accepts_writes(shared: &Shared) {
    tokio::time::sleep(WAKES_AFTER).await;
    shared.proven.notified().await;
}

/// Writes one batch; if that fails, puts it back into the outbox.
pub async fn drain(shared: &Shared) -> store::Result<()> {
    write_records(shared).await?;
    let batch = shared.outbox.take(BATCH_ENTRIES);
    let (mut puts, mut touches) = (Vec::new(), Vec::new());
    for (key, entry) in &batch {
        let Some(session) = shared.roster.session(key) else { continue };
        match entry.kind {
            WriteKind::Put => puts.push(session),
            WriteKind::Touch => touches.push(Touch::of(&session)),
        }
    }
    match write(shared, puts, touches).await {
        Ok(()) => {
            answer(batch, &Ok(()));
            Ok(())
        }
        Err(error) if error.kind() == Kind::Rejected => {
            tracing::error!(
                error = &error as &dyn std::error::Error,
                sessions = batch.len(),
                "the store refuses sessions"
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

/// Writes a batch of user records. They come first, since they end sessions that are put next.
async fn write_records(shared: &Shared) -> store::Result<()> {
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

async fn write(shared: &Shared, mut puts: Vec<Session>, touches: Vec<Touch>) -> store::Result<()> {
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

fn answer(batch: Vec<(SessionKey, Pending)>, result: &Result<(), Arc<store::Error>>) {
    for waiter in batch.into_iter().flat_map(|(_, waiting)| waiting.waiters) {
        // A waiter that was dropped needs no answer.
        let _ = waiter.send(result.clone());
    }
}
