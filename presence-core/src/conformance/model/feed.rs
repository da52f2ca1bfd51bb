//! What a reader of the reference store is told: everything, then the log from there on.

use super::faults::Outcome;
use super::state::State;
use super::{Call, Inner};
use crate::conformance::rng::Rng;
use crate::store::{BATCH_ENTRIES, Facts, Feed};
use crate::time::Timestamp;
use futures_util::stream::{self, BoxStream, StreamExt};
use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

/// How often the store proves its time.
const ALIVE_EVERY: Duration = Duration::from_millis(250);
/// How late disorder delivers, at most.
const LATE_BY: u64 = 400;

/// A reader, and how far it is.
struct Reader {
    inner: Arc<Inner>,
    /// The feed is over once this many ends were ordered.
    ends_at: u64,
    rng: Rng,
    /// What comes before anything else.
    snapshot: VecDeque<Feed>,
    positions: Option<Vec<Position>>,
}

/// How far a reader is in one shard.
struct Position {
    /// Where its log began for this reader; nothing before is repeated.
    from: u64,
    next: u64,
    /// Disorder: nothing is told earlier than this.
    held_until: Timestamp,
    alive_at: Timestamp,
}

enum Step {
    Tell(Feed),
    Wait(Timestamp),
    End,
}

pub(super) fn of(inner: Arc<Inner>) -> BoxStream<'static, Feed> {
    let (ends_at, seed) = {
        let state = inner.state.lock();
        (state.plan.ended + 1, state.plan.disorder.unwrap_or_default() ^ state.calls.watches)
    };
    let rng = Rng::seeded(seed);
    let reader = Reader { inner, ends_at, rng, snapshot: VecDeque::new(), positions: None };
    stream::unfold(reader, |mut reader| async move { reader.next().await.map(|feed| (feed, reader)) }).boxed()
}

impl Reader {
    async fn next(&mut self) -> Option<Feed> {
        let mut news = self.inner.news.subscribe();
        loop {
            news.borrow_and_update();
            match self.step() {
                Step::Tell(feed) => return Some(feed),
                Step::End => return None,
                // The sender lives as long as `inner`.
                Step::Wait(until) => tokio::select! {
                    _ = news.changed() => {}
                    () = self.inner.clock.sleep_until(until) => {}
                },
            }
        }
    }

    fn step(&mut self) -> Step {
        let inner = Arc::clone(&self.inner);
        let state = inner.state.lock();
        if state.plan.ended >= self.ends_at {
            return Step::End;
        }
        let now = inner.clock.now();
        if self.positions.is_none() {
            match state.plan.before(Call::Watch) {
                Outcome::Passes => self.begin(&state, now),
                Outcome::Fails(_) => return Step::End,
                Outcome::Hangs => return Step::Wait(Timestamp::MAX),
            }
        }
        if let Some(feed) = self.snapshot.pop_front() {
            return Step::Tell(feed);
        }
        self.follow(&state, now, &inner)
    }

    /// W1: everything, in slices, then `Synced` for each shard.
    fn begin(&mut self, state: &State, now: Timestamp) {
        let mut positions = Vec::new();
        for (shard, number) in state.shards.iter().zip(0..) {
            let Facts { sessions, nodes } = shard.facts.all();
            self.snapshot.push_back(Feed::Facts(Arc::new(Facts { sessions: Vec::new(), nodes })));
            let slices = sessions.chunks(BATCH_ENTRIES);
            self.snapshot
                .extend(slices.map(|slice| Feed::Facts(Arc::new(shard.facts.facts(slice.to_vec())))));
            self.snapshot.push_back(Feed::Synced { shard: number, epoch: Arc::clone(&shard.epoch) });
            let next = shard.first + shard.log.len() as u64;
            positions.push(Position { from: next, next, held_until: now, alive_at: now });
        }
        self.positions = Some(positions);
    }

    /// W2, W3: what each shard's log holds, and its time once all of it is told.
    fn follow(&mut self, state: &State, now: Timestamp, inner: &Inner) -> Step {
        let mut wait = Timestamp::MAX;
        let shards = state.shards.iter().zip(0..).zip(self.positions.iter_mut().flatten());
        for ((shard, number), position) in
            shards.filter(|((_, number), _)| !state.plan.silent.contains(number))
        {
            let Some(next) = position.next.checked_sub(shard.first) else { return Step::End };
            if position.held_until > now && state.plan.disorder.is_some() {
                wait = wait.min(position.held_until);
            } else if let Some(message) = usize::try_from(next).ok().and_then(|next| shard.log.get(next)) {
                position.next += 1;
                if state.plan.disorder.is_some() {
                    position.disturb(&mut self.rng, shard.first, now);
                }
                return Step::Tell(message.clone());
            } else if position.alive_at <= now {
                position.alive_at = now + ALIVE_EVERY;
                return Step::Tell(Feed::Alive { shard: number, at: inner.now(state) });
            } else {
                wait = wait.min(position.alive_at);
            }
        }
        Step::Wait(wait)
    }
}

impl Position {
    /// Lets the next message come late, or some messages come again. Their order stays.
    fn disturb(&mut self, rng: &mut Rng, first: u64, now: Timestamp) {
        if rng.one_in(2) {
            self.held_until = now + Duration::from_millis(rng.below(LATE_BY));
        }
        if rng.one_in(4) {
            self.next = self.next.saturating_sub(rng.below(4)).max(self.from).max(first);
        }
    }
}
