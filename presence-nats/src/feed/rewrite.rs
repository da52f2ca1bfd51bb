//! Rewrites the records of live sessions before they expire (`max_age`).
//!
//! A connection may be held for weeks, and a session may be renewed for weeks, without a write of
//! its record. Every process with a watch scans for such records at random intervals. The process
//! that finds an old record rewrites it; the other processes then find a recent one. The write is
//! conditional, so it never overwrites a newer state.

use super::nodes;
use crate::codec::{Raw, Record, encode, encode_user};
use crate::error::Outcome;
use crate::jetstream::reader::{Reader, StartAt};
use crate::state::bucket::MARKS_FOR;
use crate::store::Shared;
use bytes::Bytes;
use futures_util::future::join_all;
use presence_core::store::{BATCH_ENTRIES, Node};
use presence_core::{NodeId, Timestamp};
use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::Instant;

/// The average number of scans that one process makes in one `max_age`.
const SCANS: u32 = 8;

/// Scans again and again until the task is aborted.
pub(super) async fn run(shared: Arc<Shared>) {
    loop {
        scan(&shared).await;
    }
}

async fn scan(shared: &Arc<Shared>) {
    let max_age = shared.streams.max_age();
    let pause = (max_age / SCANS).mul_f64(0.5 + presence_core::random::fraction());
    // The time of the next scan is kept by the handle and not by the feed, since every feed may be
    // shorter than the pause between two scans.
    let at = *shared.scans_at.lock().get_or_insert_with(|| Instant::now() + pause);
    tokio::time::sleep_until(at).await;
    if shared.scans_at.lock().take_if(|next| *next == at).is_none() {
        // Another watch of this handle scans already.
        return;
    }
    // A random age, so that processes do not find the same records at the same time.
    let age = max_age.mul_f64(0.25 + presence_core::random::fraction() / 4.0);
    match rewrite(shared, age).await {
        Ok(0) => {}
        Ok(records) => tracing::debug!(records, "old records were written again"),
        Err(failure) => tracing::debug!(?failure, "old records could not be written again"),
    }
}

/// Rewrites the live records that are older than `age`. Returns how many.
async fn rewrite(shared: &Arc<Shared>, age: Duration) -> Outcome<usize> {
    let streams = &shared.streams;
    let traits = streams.traits().await?;
    let info = streams.info(&streams.keys.state).await?;
    let now = streams.time(&info, &streams.keys.state).await?;
    let nodes: HashMap<NodeId, Node> =
        nodes(shared, traits).await?.into_iter().map(|node| (node.id.clone(), node)).collect();
    let (all, end) = (streams.keys.all(), streams.end(&info).await?);
    let mut reader = Reader::open(&streams.link, &streams.keys.state, &all, StartAt::Latest, end).await?;
    let (mut old, mut written) = (Vec::new(), 0);
    // Records arrive in the order in which they were written, so the first recent one ends the
    // scan.
    while !reader.is_at_start() {
        let Some(raw) = super::next_in_time(shared, &mut reader).await? else { break };
        if now.since(raw.at) < age {
            break;
        }
        old.extend(live_record(shared, &raw, &nodes, now).map(|value| (raw, value)));
        if old.len() == BATCH_ENTRIES {
            written += write(shared, std::mem::take(&mut old)).await?;
        }
    }
    Ok(written + write(shared, old).await?)
}

/// The decoded record if it is to be rewritten: a user record, which only a `forget` removes, or a
/// live session. Sessions that have left or lapsed are left to expire.
fn live_record(shared: &Shared, raw: &Raw, nodes: &HashMap<NodeId, Node>, now: Timestamp) -> Option<Bytes> {
    let mut session = match raw.read(&shared.streams.keys) {
        Record::Session(session) => session,
        Record::User(record) => return Some(encode_user(&record)),
        _ => return None,
    };
    shared.beats.renew(&mut session);
    let placement = &session.placement;
    let node = nodes.get(&placement.node).filter(|_| placement.held);
    let seen_at = node.map_or(session.seen_at, |node| node.seen_at.max(session.seen_at));
    (placement.left.is_none() && now.since(seen_at) < placement.lease).then(|| encode(&session))
}

async fn write(shared: &Shared, old: Vec<(Raw, Bytes)>) -> Outcome<usize> {
    let writes = old.iter().map(|(raw, value)| {
        shared.streams.write(&raw.subject, raw.seq, value.clone(), raw.forgets(MARKS_FOR))
    });
    let mut count = 0;
    for written in join_all(writes).await {
        // `None`: another process has written the record meanwhile, so it is no longer old.
        count += usize::from(written?.is_some());
    }
    Ok(count)
}
