//! The epoch of the streams: a new one means that data was lost.

use crate::jetstream::api::StreamInfo;
use parking_lot::Mutex;
use std::sync::Arc;

/// The state of the streams as seen so far.
#[derive(Debug, Default)]
pub(crate) struct Epochs(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    tops: Tops,
    /// How often a stream with the same creation time was shorter than before.
    losses: u64,
}

/// The last sequence of each stream.
#[derive(Debug, Clone, Default)]
pub(crate) struct Tops {
    state: Top,
    beats: Top,
}

#[derive(Debug, Clone, Default)]
struct Top {
    created: String,
    seq: u64,
}

impl Top {
    fn has_shrunk(&self, now: &StreamInfo) -> bool {
        self.created == now.created && now.state.last_seq < self.seq
    }

    fn enter(&mut self, now: &StreamInfo, has_shrunk: bool) {
        let seq = now.state.last_seq;
        let is_same = self.created == now.created && !has_shrunk;
        self.seq = if is_same { self.seq.max(seq) } else { seq };
        self.created.clone_from(&now.created);
    }
}

impl Epochs {
    /// The last sequences so far. Call this before requesting the state of the streams, which is
    /// then compared with them.
    pub(crate) fn tops(&self) -> Tops {
        self.0.lock().tops.clone()
    }

    /// The epoch of this state. A loss in either stream makes a new one, since renewals are
    /// data as well.
    pub(crate) fn epoch(&self, before: &Tops, state: &StreamInfo, beats: &StreamInfo) -> Arc<str> {
        let mut seen = self.0.lock();
        let shrunk = (before.state.has_shrunk(state), before.beats.has_shrunk(beats));
        seen.losses += u64::from(shrunk.0 || shrunk.1);
        seen.tops.state.enter(state, shrunk.0);
        seen.tops.beats.enter(beats, shrunk.1);
        let epoch = format!("{} {}", state.created, beats.created);
        if seen.losses == 0 { epoch.into() } else { format!("{epoch} -{}", seen.losses).into() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::jetstream::api::{StreamConfig, StreamState};

    fn info(created: &str, last_seq: u64) -> StreamInfo {
        let state = StreamState { messages: 0, last_seq, subjects: None };
        StreamInfo { config: StreamConfig::default(), created: created.into(), state, ts: None }
    }

    #[test]
    fn the_epoch_changes_only_when_data_is_lost() {
        let epochs = Epochs::default();
        let epoch = |state: StreamInfo, beats: StreamInfo| epochs.epoch(&epochs.tops(), &state, &beats);
        let first = epoch(info("a", 5), info("b", 5));
        assert_eq!(epoch(info("a", 9), info("b", 5)), first);
        let shrunk = epoch(info("a", 8), info("b", 5));
        assert_ne!(shrunk, first);
        assert_eq!(epoch(info("a", 8), info("b", 6)), shrunk);
        let renewed = epoch(info("a", 8), info("c", 0));
        assert_ne!(renewed, shrunk);
        assert_ne!(epoch(info("d", 8), info("c", 0)), renewed);
    }

    #[test]
    fn a_late_answer_does_not_change_the_epoch() {
        let epochs = Epochs::default();
        let before = epochs.tops();
        let first = epochs.epoch(&before, &info("a", 5), &info("b", 5));
        assert_eq!(epochs.epoch(&before, &info("a", 4), &info("b", 5)), first);
    }
}
