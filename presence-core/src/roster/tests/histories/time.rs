//! Time passes: heartbeats, proofs and sweeps.

use super::*;

impl History {
    pub(super) fn prove(&mut self) {
        let at = Timestamp::from_millis(self.stage.now.as_millis().checked_add_signed(self.ahead).unwrap());
        for shard in 0..self.shards {
            if !self.silent.contains(&shard) {
                let blind = self.stage.prove(shard, at);
                self.reference.prove(shard, at, blind.as_slice());
            }
        }
        self.sweep();
    }

    /// Advances by seconds; in each, the processes send heartbeats and the store proves its time.
    pub(super) fn pass(&mut self, rng: &mut Rng, seconds: u64) {
        for _ in 0..seconds {
            // The wheel ticks every 250 ms, so time advances in multiples of that: otherwise
            // changes would be visible later.
            self.turn(1_000 - rng.below(2) * 250);
            if !self.paused.contains("me") {
                self.stage.roster.beat_node(self.stage.now);
                self.reference.beat_node();
            }
            for other in OTHERS {
                if !self.paused.contains(other) {
                    let (id, seen_at) = (node(other), self.reference.stamp());
                    let touch = Touch::Node { node: id, seen_at, drain_for: None };
                    self.reference.touched(&touch);
                    self.stage.roster.touched(&[touch], self.stage.now);
                }
            }
            self.prove();
        }
        self.turn(rng.below(2) * 250);
        self.sweep();
    }

    pub(super) fn turn(&mut self, millis: u64) {
        self.stage.now = self.stage.now + Duration::from_millis(millis);
        self.reference.now = self.stage.now;
        self.log.push(format!("+{millis}"));
    }

    pub(super) fn sweep(&mut self) {
        self.stage.sweep();
        // A session must be dropped once it has been gone for twice its memory, and not earlier.
        let Self { stage, reference, droppable, .. } = self;
        let gone: BTreeMap<SessionKey, Option<Duration>> =
            reference.sessions.iter().map(|(key, known)| (key.clone(), reference.gone_for(known))).collect();
        reference.sessions.retain(|key, known| {
            let twice = Policy::memory(known.session.placement.lease) * 2;
            let is_due = gone[key].is_some_and(|gone_for| gone_for >= twice);
            let is_gone = stage.roster.session(key).is_none();
            assert!(is_due || !is_gone, "{key:?} dropped after {:?}", gone[key]);
            if is_due && !is_gone {
                let since = *droppable.entry(key.clone()).or_insert(stage.now);
                assert!(stage.now.since(since) <= secs(1), "{key:?} kept after {:?}", gone[key]);
            } else {
                droppable.remove(key);
            }
            !is_gone
        });
    }
}
