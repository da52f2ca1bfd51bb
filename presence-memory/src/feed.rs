//! The feed of a watch: first a snapshot in slices, then changes, with regular proofs of time.

use crate::queue::{Overflown, Queue};
use crate::shard::Cursor;
use crate::shared::{SHARDS, Shared};
use futures_util::stream::{self, BoxStream, StreamExt};
use presence_core::Timestamp;
use presence_core::store::{BATCH_ENTRIES, Facts, FeedEvent, UserRecord};
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

/// Interval of the proofs of time.
const ALIVE_EVERY: Duration = Duration::from_millis(250);

/// A watch and its progress.
struct Watch {
    shared: Arc<Shared>,
    queue: Arc<Queue>,
    stage: Stage,
    /// Records of users that were read with the last slice. They are delivered
    /// before anything else.
    records: Vec<UserRecord>,
    /// Number of entries taken from the queue.
    taken: u64,
    /// A pending proof of time, and the number of queue entries that must be delivered before it.
    due: Option<(Timestamp, u64)>,
    /// Whether virtual time was skipped before that proof, which must be announced first.
    is_skipped: bool,
    alarm: Pin<Box<dyn Future<Output = ()> + Send>>,
    alarm_at: Timestamp,
}

/// What to deliver next.
#[derive(Clone, Copy)]
enum Stage {
    Nodes,
    /// Slices of the snapshot, alternating with queued changes.
    Sessions {
        shard: usize,
        cursor: Option<Cursor>,
        queue_first: bool,
    },
    Synced,
    Following,
}

pub(crate) fn of(shared: Arc<Shared>, handle: u64) -> BoxStream<'static, FeedEvent> {
    let watch = Watch {
        shared,
        queue: Arc::new(Queue::new(handle)),
        stage: Stage::Nodes,
        records: Vec::new(),
        taken: 0,
        due: None,
        is_skipped: false,
        alarm: Box::pin(std::future::ready(())),
        alarm_at: Timestamp::ZERO,
    };
    stream::unfold(watch, |mut watch| async move { watch.next().await.map(|feed| (feed, watch)) }).boxed()
}

impl Watch {
    async fn next(&mut self) -> Option<FeedEvent> {
        loop {
            if !self.records.is_empty() {
                let users = self.records.drain(..self.records.len().min(BATCH_ENTRIES)).collect();
                return Some(FeedEvent::Facts(Arc::new(Facts { users, ..Facts::default() })));
            }
            match self.stage {
                Stage::Nodes => {
                    self.stage = Stage::Sessions { shard: 0, cursor: None, queue_first: false };
                    let nodes = self.shared.listen_to_nodes(&self.queue);
                    if !nodes.is_empty() {
                        return Some(FeedEvent::Facts(Arc::new(Facts { nodes, ..Facts::default() })));
                    }
                }
                Stage::Sessions { shard, cursor, queue_first } => {
                    self.stage = Stage::Sessions { shard, cursor, queue_first: !queue_first };
                    let event = if queue_first { self.take().ok()? } else { self.slice(shard, cursor) };
                    if event.is_some() {
                        return event;
                    }
                }
                Stage::Synced => {
                    self.stage = Stage::Following;
                    return Some(FeedEvent::Synced { shard: 0, epoch: Arc::clone(&self.shared.epoch) });
                }
                Stage::Following => {
                    if let Some(event) = self.follow().ok()? {
                        return Some(event);
                    }
                    tokio::select! {
                        () = self.queue.changed() => {}
                        () = &mut self.alarm => {}
                    }
                }
            }
        }
    }

    /// The next slice of the snapshot. When it first reads a shard, it registers the queue for the
    /// shard's changes.
    fn slice(&mut self, mut shard: usize, mut cursor: Option<Cursor>) -> Option<FeedEvent> {
        let mut sessions = Vec::new();
        while shard < SHARDS && sessions.len() < BATCH_ENTRIES {
            let mut locked = self.shared.shards[shard].lock();
            let from = cursor.get_or_insert_with(|| {
                locked.listeners.push(Arc::clone(&self.queue));
                self.records.extend(locked.records.iter());
                Cursor::default()
            });
            if locked.scan(from, &mut sessions, BATCH_ENTRIES) {
                (shard, cursor) = (shard + 1, None);
            }
        }
        self.stage =
            if shard < SHARDS { Stage::Sessions { shard, cursor, queue_first: true } } else { Stage::Synced };
        (!sessions.is_empty()).then(|| FeedEvent::Facts(Arc::new(Facts { sessions, ..Facts::default() })))
    }

    fn take(&mut self) -> Result<Option<FeedEvent>, Overflown> {
        let taken = self.queue.take()?;
        Ok(taken.map(|(feed, entries)| {
            self.taken += entries;
            feed
        }))
    }

    /// The next queued change; or `Alive { at }` once everything queued before `at`
    /// has been delivered.
    ///
    /// A busy reader never waits for the timer, so the time is checked at each call.
    fn follow(&mut self) -> Result<Option<FeedEvent>, Overflown> {
        let at = self.shared.clock.now();
        if at >= self.alarm_at {
            let clock = Arc::clone(&self.shared.clock);
            // Before the first proof, this watch was not open while time was skipped.
            let is_skipped = clock.is_virtual() && self.alarm_at > Timestamp::ZERO && at > self.alarm_at;
            self.is_skipped |= is_skipped;
            let alarm_at = at + ALIVE_EVERY;
            self.alarm = Box::pin(async move { clock.sleep_past(alarm_at).await });
            self.alarm_at = alarm_at;
            let at = self.shared.prove(at, is_skipped);
            // The time is read before the count, so that the count includes everything written
            // before that time. A pending proof is not replaced: otherwise a busy reader would
            // never reach one.
            let count = self.queue.total();
            self.due.get_or_insert((at, count));
        }
        if let Some((at, count)) = self.due
            && self.taken >= count
        {
            if std::mem::take(&mut self.is_skipped) {
                return Ok(Some(FeedEvent::Skipped { shard: 0 }));
            }
            self.due = None;
            let blind = self.shared.line.lock().blind.as_slice().into();
            return Ok(Some(FeedEvent::Alive { shard: 0, at, blind }));
        }
        self.take()
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        self.shared.stop_listening(&self.queue);
    }
}
