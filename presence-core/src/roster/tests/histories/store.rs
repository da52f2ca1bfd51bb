//! Input from the store.

use super::*;

impl History {
    pub(super) fn foreign(&mut self, rng: &mut Rng, key: &SessionKey, shard: u16) {
        let now = self.reference.stamp();
        let about = |rng: &mut Rng| {
            now + Duration::from_millis(rng.below(2_000)) - Duration::from_millis(rng.below(9_000))
        };
        let placed_at = about(rng);
        let by = ["me", "n0", "n1"][rng.index(3)];
        let mut session = foreign(key.user.as_str(), key.id.as_str(), by, placed_at);
        session.placement.held = rng.one_in(2);
        session.placement.lease =
            if session.placement.held { secs(1 + rng.below(9)) } else { secs(1 + rng.below(20)) };
        session.placement.topics = some_topics(rng, Some(now));
        if rng.one_in(4) {
            session.placement.meta = Some(meta(rng));
        }
        if rng.one_in(4) {
            let at = about(rng);
            session.placement.left = Some(Departure { at, ends_at: at + secs(rng.below(3)) });
        }
        if rng.one_in(4) {
            session.declared = Some(declaration(rng, now).declared(about(rng)));
        }
        session.seen_at = if rng.one_in(8) { Timestamp::ZERO } else { about(rng) };
        session.active_at = about(rng);
        let id = node(OTHERS[rng.index(2)]);
        let nodes = [Node { id, seen_at: about(rng), drain_for: rng.one_in(6).then_some(secs(9)) }];
        let nodes = if rng.one_in(2) { &nodes[..] } else { &[] };
        self.merge(&[session], nodes, shard);
    }

    pub(super) fn merge(&mut self, sessions: &[Session], nodes: &[Node], shard: u16) {
        self.log.push(format!("merge {sessions:?} {nodes:?}"));
        self.delivered.extend_from_slice(sessions);
        let facts = Facts { sessions: sessions.to_vec(), nodes: nodes.to_vec(), ..Facts::default() };
        let owed = self.stage.roster.merge(&facts, |_| shard, self.stage.now);
        let expected = self.reference.merge(sessions, nodes, shard);
        assert_eq!(set(owed), set(expected), "what is owed");
    }

    /// Repeats something that was delivered before.
    pub(super) fn echo(&mut self, rng: &mut Rng) {
        if let Some(session) = self.delivered.get(rng.index(self.delivered.len())).cloned() {
            let shard = self.shard_of(&session.key());
            self.merge(&[session], &[], shard);
        }
    }

    pub(super) fn touch(&mut self, rng: &mut Rng, key: SessionKey) {
        let seen_at = self.reference.stamp() - Duration::from_millis(rng.below(6_000));
        let active_at = seen_at - secs(rng.below(8));
        self.touched(Touch::Session { user: key.user, id: key.id, seen_at, active_at });
    }

    pub(super) fn node_beat(&mut self, rng: &mut Rng) {
        let other = ["me", "n0", "n1"][rng.index(3)];
        let seen_at = self.reference.stamp() - Duration::from_millis(rng.below(9_000));
        let drain_for = rng.one_in(6).then(|| secs(1 + rng.below(20)));
        self.touched(Touch::Node { node: node(other), seen_at, drain_for });
    }

    pub(super) fn touched(&mut self, touch: Touch) {
        self.log.push(format!("{touch:?}"));
        self.reference.touched(&touch);
        self.stage.roster.touched(&[touch], self.stage.now);
    }

    pub(super) fn forget(&mut self, rng: &mut Rng, key: SessionKey) {
        let seen = if rng.one_in(5) {
            ForgetIf::Node {
                node: node(OTHERS[rng.index(2)]),
                seen_at: self.reference.stamp() - secs(rng.below(9)),
            }
        } else {
            let Some(known) = self.reference.sessions.get(&key) else { return };
            let older = secs(rng.below(4) / 3);
            let (seen_at, placed_at) = (known.session.seen_at - older, known.session.placement.placed_at);
            ForgetIf::Session { key, seen_at, placed_at }
        };
        self.log.push(format!("forgotten {seen:?}"));
        let owed = self.stage.roster.forgotten(std::slice::from_ref(&seen), self.stage.now);
        assert_eq!(owed, Vec::from_iter(self.reference.forgotten(&seen)));
    }

    /// Ends the feed; a new one delivers everything, or some of it.
    pub(super) fn resync(&mut self, rng: &mut Rng) {
        self.log.push("begin".to_owned());
        self.stage.roster.begin();
        self.reference.begin();
        let known: Vec<Session> =
            self.reference.sessions.values().map(|known| known.session.clone()).collect();
        for session in known {
            if !rng.one_in(4) {
                let shard = self.shard_of(&session.key());
                self.merge(&[session], &[], shard);
            }
        }
        if rng.one_in(5) {
            return;
        }
        for shard in 0..self.shards {
            self.sync(shard);
        }
    }

    pub(super) fn begin_and_sync(&mut self, shard: u16) {
        self.stage.roster.begin();
        self.reference.begin();
        self.sync(shard);
    }

    pub(super) fn sync(&mut self, shard: u16) {
        self.log.push(format!("synced {shard}"));
        let owed = self.stage.roster.synced(shard, self.stage.now);
        assert_eq!(set(owed), self.reference.synced(shard));
    }

    pub(super) fn confirm(&mut self, key: &SessionKey) {
        self.log.push(format!("confirm {key:?}"));
        self.stage.roster.confirm([(&key.user, &key.id)], self.stage.now);
        self.reference.confirm(key);
    }
}
