//! The feed of a reference store: a snapshot, then the log of changes.

use super::faults::Outcome;
use super::link::Handle;
use super::state::State;
use super::{Call, Inner};
use crate::conformance::rng::Rng;
use crate::store::{BATCH_ENTRIES, Facts, FeedEvent};
use crate::time::{Blind, Timestamp};
use futures_util::stream::{self, BoxStream, StreamExt};
use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

/// Interval of the proofs of time.
const ALIVE_EVERY: Duration = Duration::from_millis(250);
/// Longest delay of an event under disorder.
const LATE_BY: u64 = 400;

/// A reader and its progress.
struct Reader {
    inner: Arc<Inner>,
    handle: Arc<Handle>,
    /// How often the link had been cut when this feed began.
    cuts: u64,
    /// The feed ends when all feeds were ended this many times.
    ends_at: u64,
    rng: Rng,
    /// Events that are delivered before anything else.
    snapshot: VecDeque<FeedEvent>,
    positions: Option<Vec<Position>>,
}

/// The progress of a reader in one shard.
struct Position {
    /// Where the log began for this reader; earlier events are not repeated.
    from: u64,
    next: u64,
    /// When the next proof of time is taken.
    alive_at: Timestamp,
    /// A pending proof.
    proof: Option<Proof>,
}

/// A proof of time. It is delivered once everything before the number `end` was delivered.
struct Proof {
    at: Timestamp,
    blind: Arc<[Blind]>,
    end: u64,
}

enum Step {
    Tell(FeedEvent),
    Wait(Timestamp),
    End,
}

pub(super) fn of(inner: Arc<Inner>, handle: Arc<Handle>) -> BoxStream<'static, FeedEvent> {
    let (ends_at, seed) = {
        let state = inner.state.lock();
        (state.plan.ended + 1, state.plan.disorder.unwrap_or_default() ^ state.calls.watches)
    };
    let rng = Rng::seeded(seed);
    let cuts = handle.link.lock().cuts;
    let reader = Reader { inner, handle, cuts, ends_at, rng, snapshot: VecDeque::new(), positions: None };
    stream::unfold(reader, |mut reader| async move { reader.next().await.map(|feed| (feed, reader)) }).boxed()
}

impl Reader {
    async fn next(&mut self) -> Option<FeedEvent> {
        let mut news = self.inner.news.subscribe();
        loop {
            news.borrow_and_update();
            match self.step() {
                Step::Tell(feed) => return Some(feed),
                Step::End => return None,
                // The sender is in `inner`.
                Step::Wait(until) => tokio::select! {
                    biased;
                    _ = news.changed() => {}
                    () = self.inner.clock.sleep_until(until) => {}
                },
            }
        }
    }

    fn step(&mut self) -> Step {
        let inner = Arc::clone(&self.inner);
        let link = *self.handle.link.lock();
        let mut state = inner.state.lock();
        if state.plan.ended >= self.ends_at || link.is_cut || link.cuts != self.cuts {
            return Step::End;
        }
        if link.is_stalled {
            return Step::Wait(Timestamp::MAX);
        }
        let now = inner.clock.now();
        if self.positions.is_none() {
            match state.plan.before(Call::Watch) {
                Outcome::Passes | Outcome::Waits(_) => self.begin(&state, now),
                Outcome::Fails(_) => return Step::End,
                Outcome::Hangs => return Step::Wait(Timestamp::MAX),
            }
        }
        if let Some(feed) = self.snapshot.pop_front() {
            return Step::Tell(feed);
        }
        self.follow(&mut state, now)
    }

    /// W1: the snapshot in slices, then `Synced` for each shard.
    fn begin(&mut self, state: &State, now: Timestamp) {
        let mut positions = Vec::new();
        for (shard, number) in state.shards.iter().zip(0..) {
            let Facts { sessions, nodes, users } = shard.facts.all();
            self.snapshot.push_back(FeedEvent::Facts(Arc::new(Facts { nodes, ..Facts::default() })));
            for slice in users.chunks(BATCH_ENTRIES) {
                let users = slice.to_vec();
                self.snapshot.push_back(FeedEvent::Facts(Arc::new(Facts { users, ..Facts::default() })));
            }
            let slices = sessions.chunks(BATCH_ENTRIES);
            self.snapshot
                .extend(slices.map(|slice| FeedEvent::Facts(Arc::new(shard.facts.facts(slice.to_vec())))));
            self.snapshot.push_back(FeedEvent::Synced { shard: number, epoch: Arc::clone(&shard.epoch) });
            let next = shard.first + shard.log.len() as u64;
            positions.push(Position { from: next, next, alive_at: now, proof: None });
        }
        self.positions = Some(positions);
    }

    /// W2, W3: the log of each shard, and a proof of its time once the log is delivered.
    fn follow(&mut self, state: &mut State, now: Timestamp) -> Step {
        let mut wait = Timestamp::MAX;
        let State { shards, plan, .. } = state;
        let shards = shards.iter_mut().zip(0..).zip(self.positions.iter_mut().flatten());
        for ((shard, number), position) in shards.filter(|((_, number), _)| !plan.silent.contains(number)) {
            if position.alive_at <= now && position.proof.is_none() {
                position.alive_at = now + ALIVE_EVERY;
                if plan.refuses.contains(&number) {
                    return Step::Tell(FeedEvent::Unproven { shard: number });
                }
                let ask = self.handle.reckoning.ask(number, now);
                let (at, blind) = shard.prove(&ask, plan.clock_of(number, now));
                self.handle.reckoning.answered(number, at, &blind, now);
                position.proof = Some(Proof { at, blind, end: shard.first + shard.log.len() as u64 });
            }
            if let Some(Proof { at, blind, .. }) = position.proof.take_if(|proof| position.next >= proof.end)
            {
                return Step::Tell(FeedEvent::Alive { shard: number, at, blind });
            }
            let Some(next) = position.next.checked_sub(shard.first) else { return Step::End };
            let message = usize::try_from(next).ok().and_then(|next| shard.log.get(next));
            if let Some((written, message)) = message {
                if let Some(seed) = plan.disorder {
                    let due = *written + late_by(seed ^ position.next);
                    if due > now {
                        wait = wait.min(due);
                        continue;
                    }
                }
                position.next += 1;
                if plan.disorder.is_some() {
                    position.go_back(&mut self.rng, shard.first);
                }
                return Step::Tell(message.clone());
            }
            wait = wait.min(position.alive_at);
        }
        Step::Wait(wait)
    }
}

impl Position {
    /// Repeats some events from time to time, in order.
    fn go_back(&mut self, rng: &mut Rng, first: u64) {
        if rng.one_in(4) {
            self.next = self.next.saturating_sub(rng.below(4)).max(self.from).max(first);
        }
    }
}

/// The random delay of an event under disorder.
fn late_by(seed: u64) -> Duration {
    let mut rng = Rng::seeded(seed);
    let millis = if rng.one_in(2) { 0 } else { rng.below(LATE_BY) };
    Duration::from_millis(millis)
}
