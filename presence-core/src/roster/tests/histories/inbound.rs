//! Input from this process: heartbeats, declarations and leaves.

use super::*;

impl History {
    pub(super) fn beat(&mut self, rng: &mut Rng, key: &SessionKey, by: BeatSource, shard: u16) {
        let stamp = self.reference.stamp();
        let mut beat =
            if rng.one_in(3) { Beat::enter } else { Beat::renew }(key.user.clone(), key.id.clone());
        beat.activity = match rng.below(6) {
            0 => Activity::Now,
            1 => Activity::Ago(secs(rng.below(12))),
            2 => Activity::At(stamp + secs(rng.below(10)) - secs(5)),
            _ => beat.activity,
        };
        if rng.one_in(3) {
            beat.topics = Some(some_topics(rng, None));
        }
        if rng.one_in(6) {
            beat.declares = Some(declaration(rng, stamp));
        }
        if rng.one_in(6) {
            beat.meta = Some(meta(rng));
        }
        if rng.one_in(6) {
            beat.lease = Some(Duration::from_millis(500 + rng.below(20_000)));
        }
        self.log.push(format!("{by:?} {beat:?}"));
        let write = self.stage.roster.beat(&beat, by, shard, self.stage.now).unwrap();
        let step = self.reference.beat(&beat, by, shard);
        self.check_write(rng, key, write, step);
    }

    pub(super) fn leave(&mut self, rng: &mut Rng, key: &SessionKey) {
        let mut leave = crate::model::Leave::new(key.user.clone(), key.id.clone());
        if rng.one_in(3) {
            leave = leave.immediately();
        }
        if rng.one_in(3) {
            leave = leave.topics(some_topics(rng, None).names().cloned().collect());
        }
        if let (true, Some(known)) = (rng.one_in(3), self.reference.sessions.get(key)) {
            let placed_at = known.session.placement.placed_at;
            leave = leave.placed_at(if rng.one_in(2) { placed_at } else { placed_at - secs(1) });
        }
        self.log.push(format!("{leave:?}"));
        let write = self.stage.leave(&leave);
        let step = self.reference.leave(&leave);
        self.check_write(rng, key, write, step);
    }

    pub(super) fn declare(&mut self, rng: &mut Rng, key: &SessionKey, shard: u16) {
        let declares = declaration(rng, self.reference.stamp());
        self.log.push(format!("{key:?} declares {declares:?}"));
        let write = self.stage.roster.declare(key, declares.clone(), shard, self.stage.now).unwrap();
        let step = self.reference.declare(key, declares, shard);
        self.check_write(rng, key, write, step);
    }

    /// Checks the store write that a change results in, and rolls some of them back.
    pub(super) fn check_write(
        &mut self,
        rng: &mut Rng,
        key: &SessionKey,
        write: StoreWrite,
        step: Option<Step>,
    ) {
        match (write, step) {
            (StoreWrite::Put { sessions, roll_back }, Some(step)) => {
                assert_eq!(self.reference.sessions[&sessions[0].key()].session, sessions[0]);
                self.delivered.extend(sessions);
                self.steps.push((roll_back, step));
                if rng.one_in(8) {
                    self.roll_back(self.steps.len() - 1);
                }
            }
            (StoreWrite::Put { sessions, .. }, None) => panic!("a put without a change: {sessions:?}"),
            (write, Some(step)) => panic!("a change is written as {write:?}: {step:?}"),
            (StoreWrite::Touch { seen_at, active_at, .. }, None) => {
                let session = &self.reference.sessions[key].session;
                assert_eq!((seen_at, active_at), (session.seen_at, session.active_at));
            }
            _ => {}
        }
    }

    pub(super) fn roll_back(&mut self, index: usize) {
        let (roll_back, step) = self.steps.swap_remove(index);
        self.log.push(format!("undo {roll_back:?}"));
        self.stage.roster.roll_back(&roll_back, self.stage.now);
        self.reference.roll_back(&step);
    }
}
