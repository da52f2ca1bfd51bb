//! Limits of batches, and functions that cut entries into batches within these limits.

use super::Touch;
use crate::model::{Meta, Session, UserId};

/// Most entries that the core puts into one batch.
pub const BATCH_ENTRIES: usize = 512;
/// Most bytes that the core puts into one batch, estimated.
pub const BATCH_BYTES: usize = 256 * 1024;
/// Estimated bytes of an entry without its names.
const OVERHEAD: usize = 200;

/// An entry of a batch.
pub(crate) trait Weigh {
    /// Estimated bytes of the encoded entry.
    fn weight(&self) -> usize;
}

impl Weigh for Session {
    fn weight(&self) -> usize {
        let placement = &self.placement;
        let topics: usize = placement.topics.names().map(|topic| topic.as_str().len() + 16).sum();
        let meta = placement.meta.as_ref().map_or(0, |_| Meta::MAX_BYTES);
        let message = self.declared.as_ref().and_then(|declared| declared.message.as_ref());
        let message = message.map_or(0, |message| message.as_str().len());
        let names = self.user.as_str().len() + self.id.as_str().len() + placement.node.as_str().len();
        names + topics + meta + message + OVERHEAD
    }
}

impl Weigh for Touch {
    fn weight(&self) -> usize {
        let names = match self {
            Self::Session { user, id, .. } => user.as_str().len() + id.as_str().len(),
            Self::Node { node, .. } => node.as_str().len(),
        };
        names + OVERHEAD
    }
}

impl Weigh for UserId {
    fn weight(&self) -> usize {
        self.as_str().len() + OVERHEAD
    }
}

/// The length and the bytes of the longest prefix within both limits of a batch; at
/// least one entry.
pub(crate) fn first_batch<T: Weigh>(entries: &[T]) -> (usize, usize) {
    let (mut count, mut total) = (0, 0);
    for bytes in entries.iter().take(BATCH_ENTRIES).map(Weigh::weight) {
        if count > 0 && total + bytes > BATCH_BYTES {
            break;
        }
        (count, total) = (count + 1, total + bytes);
    }
    (count, total)
}

/// Cuts entries into batches within both limits. An entry that exceeds them gets a batch
/// of its own.
pub(crate) fn batches<T: Weigh>(entries: &[T]) -> impl Iterator<Item = &[T]> {
    let mut rest = entries;
    std::iter::from_fn(move || {
        let (batch, later) = rest.split_at_checked(first_batch(rest).0.max(1))?;
        rest = later;
        Some(batch)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Timestamp, Topic, Topics};

    fn session(n: usize, topic_bytes: usize) -> Session {
        let names = (0..topic_bytes / 1_000).map(|n| Topic::new(format!("{n:01000}")).unwrap());
        let mut session = crate::testing::session(&format!("user-{n}"), "s", Timestamp::ZERO);
        session.placement.topics = Topics::new(names).unwrap();
        session
    }

    #[test]
    fn batches_keep_within_both_limits_and_lose_no_entry() {
        for (count, topic_bytes) in [(0, 0), (1, 0), (1_300, 0), (100, 16_000), (512, 0), (513, 0)] {
            let all: Vec<Session> = (0..count).map(|n| session(n, topic_bytes)).collect();
            let cut: Vec<&[Session]> = batches(&all).collect();
            assert!(cut.iter().all(|batch| !batch.is_empty() && batch.len() <= BATCH_ENTRIES));
            assert!(cut.iter().all(|batch| batch.iter().map(Session::weight).sum::<usize>() <= BATCH_BYTES));
            assert_eq!(cut.concat(), all);
        }
    }
}
