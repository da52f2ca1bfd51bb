//! Input from the store.

use super::*;

impl Reference {
    pub fn begin(&mut self) {
        self.views.iter_mut().for_each(ViewClock::interrupt);
        self.watch += 1;
    }

    pub fn merge(&mut self, sessions: &[Session], nodes: &[Node], shard: u16) -> Vec<SessionKey> {
        for node in nodes {
            if node.id != self.me {
                self.touch_node(node.clone());
            }
        }
        sessions.iter().filter_map(|stored| self.merge_one(stored, shard)).collect()
    }

    /// Merges a session; returns its key if the store shows less of it than is known here.
    pub(super) fn merge_one(&mut self, stored: &Session, shard: u16) -> Option<SessionKey> {
        let stamp = self.stamp();
        let known = self.sessions.entry(stored.key()).or_insert_with(|| Known {
            session: stored.clone(),
            shard,
            watch: 0,
            is_own: false,
            is_here: false,
            is_confirmed: true,
            is_by_own_time: false,
            unconfirmed_since: None,
        });
        let was_own = known.is_own;
        if stored.placement.supersedes(&known.session.placement) && stored.placement.node != self.me {
            (known.is_own, known.is_here) = (false, false);
        }
        let before = &known.session;
        let lost_beats =
            !before.placement.held && before.seen_at.since(stored.seen_at) > before.placement.lease / 4;
        known.session.merge(stored);
        (known.watch, known.is_confirmed, known.unconfirmed_since) = (self.watch, true, None);
        let shows_less = lost_beats
            || known.session.placement != stored.placement
            || known.session.declared != stored.declared;
        let placement = &mut known.session.placement;
        let is_mine = placement.held && placement.node == self.me;
        let corrected = match placement.left {
            Some(left) if known.is_here && known.session.seen_at > left.at => {
                placement.placed_at = stamp.max(placement.placed_at + INSTANT);
                (placement.left, placement.held, placement.node) = (None, true, self.me.clone());
                true
            }
            None if is_mine && !known.is_here && !self.is_draining => {
                placement.left = Some(Departure { at: stamp, ends_at: stamp });
                true
            }
            _ => false,
        };
        (was_own && shows_less || corrected).then(|| stored.key())
    }

    pub fn touched(&mut self, touch: &Touch) {
        match touch {
            Touch::Session { user, id, seen_at, active_at } => {
                let key = SessionKey { user: user.clone(), id: id.clone() };
                let Some(known) = self.sessions.get_mut(&key) else { return };
                known.session.touch(*seen_at, *active_at);
                known.unconfirmed_since = None;
            }
            Touch::Node { node, .. } if *node == self.me => {}
            Touch::Node { node, seen_at, drain_for } => {
                self.touch_node(Node { id: node.clone(), seen_at: *seen_at, drain_for: *drain_for });
            }
        }
    }

    pub fn forgotten(&mut self, seen: &ForgetIf) -> Option<SessionKey> {
        match seen {
            ForgetIf::Session { key, seen_at, placed_at } => {
                let known = self.sessions.get(key)?;
                let is_live = self.liveness(known).is_live();
                if is_live && known.is_own {
                    return Some(key.clone());
                }
                let session = &known.session;
                if session.seen_at > *seen_at || session.placement.placed_at > *placed_at {
                } else if is_live {
                    self.mark_unconfirmed(&key.clone());
                } else {
                    self.sessions.remove(key);
                }
            }
            ForgetIf::User(_) => {}
            ForgetIf::Node { node, seen_at } => {
                let is_needed = self.sessions.values().any(|known| known.session.placement.node == *node);
                if !is_needed && self.nodes.get(node).is_some_and(|node| node.seen_at <= *seen_at) {
                    self.nodes.remove(node);
                }
            }
        }
        None
    }

    pub(super) fn mark_unconfirmed(&mut self, key: &SessionKey) {
        let since = self.view(&self.sessions[key]).map_or(self.stamp(), |view| view.now());
        let known = self.sessions.get_mut(key).unwrap();
        known.unconfirmed_since = known.unconfirmed_since.or(Some(since));
    }

    pub fn synced(&mut self, shard: u16) -> BTreeSet<SessionKey> {
        let mut owed = BTreeSet::new();
        let missing: Vec<SessionKey> = {
            let missing = self.sessions.iter().filter(|(_, k)| k.shard == shard && k.watch != self.watch);
            missing.map(|(key, _)| key.clone()).collect()
        };
        for key in missing {
            let known = &self.sessions[&key];
            let is_live = self.liveness(known).is_live();
            if known.is_own && is_live {
                owed.insert(key.clone());
            }
            match (known.is_confirmed, is_live) {
                (false, _) => {}
                (true, true) => self.mark_unconfirmed(&key),
                // Unconfirmed sessions are kept until the end of their memory, like all that are
                // gone.
                (true, false) if known.unconfirmed_since.is_some() => {}
                (true, false) => drop(self.sessions.remove(&key)),
            }
        }
        owed
    }

    pub fn confirm(&mut self, key: &SessionKey) {
        let Some(known) = self.sessions.get_mut(key) else { return };
        (known.watch, known.is_confirmed, known.unconfirmed_since) = (self.watch, true, None);
    }

    pub fn prove(&mut self, shard: u16, at: Timestamp, blind: &[Blind]) {
        let first = self.newest.is_none();
        if first || at >= self.stamp() {
            self.newest = Some((at, self.now));
        } else if self.newest.is_some_and(|(newest, _)| at > newest) {
            self.newest = Some((at.max(self.stamp() - INSTANT), self.now));
        }
        if first {
            self.move_to_store_time();
        }
        if !self.is_draining {
            self.beat_node();
        }
        self.views[usize::from(shard)].prove(at, self.now, blind);
    }

    pub(super) fn move_to_store_time(&mut self) {
        let (now, stamp) = (self.now.as_millis(), self.stamp().as_millis());
        let shift = |at: &mut Timestamp| {
            if *at != Timestamp::ZERO {
                *at = Timestamp::from_millis(at.as_millis() + stamp - now);
            }
        };
        for known in self.sessions.values_mut().filter(|known| known.is_by_own_time && !known.is_confirmed) {
            let Session { placement, declared, seen_at, active_at, .. } = &mut known.session;
            shift(seen_at);
            shift(active_at);
            shift(&mut placement.placed_at);
            if let Some(left) = &mut placement.left {
                shift(&mut left.at);
                shift(&mut left.ends_at);
            }
            if let Some(declared) = declared {
                shift(&mut declared.at);
            }
            let mut memberships: Vec<Membership> = placement.topics.memberships().to_vec();
            memberships.iter_mut().filter_map(|membership| membership.until.as_mut()).for_each(shift);
            placement.topics = Topics::of(memberships).unwrap();
        }
        if let Some(me) = self.nodes.get_mut(&self.me) {
            shift(&mut me.seen_at);
        }
    }
}
