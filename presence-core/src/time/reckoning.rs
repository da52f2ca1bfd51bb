//! `Reckoning`: a handle's estimate of the store's current time.

use super::{Ask, Blind, BlindList, Timestamp};
use parking_lot::Mutex;

/// A handle's estimate of the store's current time, from the proofs of all its shards and watches.
///
/// A store that keeps its time on a server has one per handle, and sends [`ask`](Self::ask) with
/// each request for a proof. Arguments named `on` are times of the process's monotonic clock, such
/// as [`SystemClock`](super::SystemClock).
#[derive(Debug)]
pub struct Reckoning(Mutex<State>);

#[derive(Debug)]
struct State {
    /// The newest proof of any shard, and when it arrived.
    newest: Option<(Timestamp, Timestamp)>,
    /// The newest proof of each shard, and its blind stretches.
    shards: Vec<(Timestamp, BlindList)>,
}

impl State {
    fn now(&self, on: Timestamp) -> Option<Timestamp> {
        self.newest.map(|(at, proven_on)| at + on.since(proven_on))
    }
}

impl Reckoning {
    /// The reckoning of a new handle, for a store with this many shards.
    pub fn new(shards: u16) -> Self {
        let shards = (0..shards.max(1)).map(|_| (Timestamp::ZERO, BlindList::default())).collect();
        Self(Mutex::new(State { newest: None, shards }))
    }

    /// The reckoned time; `None` before the first proof.
    pub fn now(&self, on: Timestamp) -> Option<Timestamp> {
        self.0.lock().now(on)
    }

    /// What to send with the next request for a proof of a shard.
    pub fn ask(&self, shard: u16, on: Timestamp) -> Ask {
        let state = self.0.lock();
        let (proven, blind) = state.shards.get(usize::from(shard)).cloned().unwrap_or_default();
        Ask { reckoned: state.now(on), proven, blind }
    }

    /// Records an answer: the shard accepted a write at its time `at`, and has
    /// these blind stretches.
    ///
    /// An answer has been in transit for a while, so it can only move the reckoned time forward.
    pub fn answered(&self, shard: u16, at: Timestamp, blind: &[Blind], on: Timestamp) {
        let mut state = self.0.lock();
        if state.now(on).is_none_or(|now| now <= at) {
            state.newest = Some((at, on));
        }
        if let Some((proven, known)) = state.shards.get_mut(usize::from(shard)) {
            *proven = at.max(*proven);
            known.learn(blind);
        }
    }
}
