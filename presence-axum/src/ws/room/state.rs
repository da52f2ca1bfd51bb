//! The state of a room that its subscribers have received.

use super::{Shared, size};
use crate::ws::TopicSize;
use presence_core::{Counts, Snapshot, Version, View};
use std::collections::VecDeque;
use std::sync::Arc;

/// How many diffs, and how many bytes of them, are kept for subscribers that come back. A
/// connection that missed more gets the current state, which is then smaller.
const KEPT: usize = 64;
const KEPT_BYTES: usize = 64 * 1024;
/// What the subscribers of a room have been sent.
#[derive(Default)]
pub(super) struct State {
    pub(super) snapshot: Option<Snapshot>,
    pub(super) counts: Counts,
    /// Whether counts are sent because the topic is large.
    pub(super) size: TopicSize,
    /// The encoded state, and the view that it contains.
    pub(super) written: Option<(View, Shared)>,
    /// The diffs that led to the state, each with the version before it.
    log: VecDeque<(Version, Shared)>,
    /// The total size of those diffs, in bytes.
    logged: usize,
}

impl State {
    /// Drops all diffs, since the next state does not follow from them.
    pub(super) fn forget(&mut self) {
        (self.log, self.logged) = (VecDeque::new(), 0);
    }

    /// Keeps a diff, and drops the oldest ones beyond the limits.
    pub(super) fn keep(&mut self, from: Version, frames: &Shared) {
        self.log.push_back((from, Arc::clone(frames)));
        self.logged += size(frames);
        while self.log.len() > KEPT || self.logged > KEPT_BYTES {
            let Some((_, oldest)) = self.log.pop_front() else { break };
            self.logged -= size(&oldest);
        }
    }

    /// The diffs since a version, if all of them are still kept.
    pub(super) fn since(&self, version: Version) -> Option<Vec<Shared>> {
        if self.snapshot.as_ref()?.version == version {
            return Some(Vec::new());
        }
        let at = self.log.iter().position(|(from, _)| *from == version)?;
        Some(self.log.range(at..).map(|(_, frames)| Arc::clone(frames)).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ws::Frame;

    #[test]
    fn the_diffs_that_are_kept_are_few_and_small() {
        let version = |n| Version { incarnation: 7, n };
        for (length, kept) in [(10, KEPT), (8_000, 8), (100_000, 0)] {
            let mut state = State::default();
            for n in 0..200 {
                state.keep(version(n), &Shared::from([Frame::text("x".repeat(length))]));
            }
            assert_eq!(state.log.len(), kept);
            assert_eq!(state.logged, state.log.iter().map(|(_, frames)| size(frames)).sum::<usize>());
            assert!(state.log.back().is_none_or(|(from, _)| *from == version(199)));
        }
    }
}
