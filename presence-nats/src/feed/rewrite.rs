//! Records that live but do not change are written again before they are so old that the server
//! drops them.
//!
//! A connection may be held for weeks, and a session be renewed for weeks, without anybody writing
//! its record. Every process that watches looks for such records now and then, each at its own
//! random moments; whoever finds one writes it again, and then it is young for the others. Nobody
//! else's write is undone by it.

use super::nodes;
use crate::codec::{Raw, Record, encode};
use crate::error::Outcome;
use crate::jetstream::reader::{Reader, StartAt};
use crate::state::bucket::MARKS_FOR;
use crate::store::Shared;
use bytes::Bytes;
use futures_util::future::join_all;
use presence_core::store::BATCH_ENTRIES;
use presence_core::{Node, NodeId, Timestamp};
use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::Instant;

/// How many parts of `max_age` lie between two looks of one process, on the average.
const LOOKS: u32 = 8;

/// One look after the other, for ever.
pub(super) async fn run(shared: Arc<Shared>) {
    loop {
        look(&shared).await;
    }
}

async fn look(shared: &Arc<Shared>) {
    let max_age = shared.streams.max_age();
    let pause = (max_age / LOOKS).mul_f64(0.5 + presence_core::random::fraction());
    // The handle's moment, which no end of a feed puts off: feeds may never last as long as a
    // pause.
    let at = *shared.looks_at.lock().get_or_insert_with(|| Instant::now() + pause);
    tokio::time::sleep_until(at).await;
    if shared.looks_at.lock().take_if(|next| *next == at).is_none() {
        // Another watch of this handle looks.
        return;
    }
    // Random, so that not all find the same ones at the same moment.
    let age = max_age.mul_f64(0.25 + presence_core::random::fraction() / 4.0);
    match rewrite(shared, age).await {
        Ok(0) => {}
        Ok(records) => tracing::debug!(records, "old records were written again"),
        Err(failure) => tracing::debug!(?failure, "old records could not be written again"),
    }
}

/// Writes those again that are older than this, and alive.
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
    // Records come in the order in which they were written: the first young one ends it.
    while !reader.is_at_start() {
        let Some(raw) = super::next_in_time(shared, &mut reader).await? else { break };
        if now.since(raw.at) < age {
            break;
        }
        old.extend(worth(shared, &raw, &nodes, now).map(|value| (raw, value)));
        if old.len() == BATCH_ENTRIES {
            written += write(shared, std::mem::take(&mut old)).await?;
        }
    }
    Ok(written + write(shared, old).await?)
}

/// What a record says, if that is a user's, which only goes when it is forgotten, or a session that
/// is alive; left or lapsed ones are to go.
fn worth(shared: &Shared, raw: &Raw, nodes: &HashMap<NodeId, Node>, now: Timestamp) -> Option<Bytes> {
    let mut session = match raw.read(&shared.streams.keys) {
        Record::Session(session) => session,
        Record::User(record) => return Some(encode(&record)),
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
        // Whoever was faster has written it again as well.
        count += usize::from(written?.is_some());
    }
    Ok(count)
}
