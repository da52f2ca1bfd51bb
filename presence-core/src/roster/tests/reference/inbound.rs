//! Input from this process: heartbeats, declarations and leaves.

use super::*;

impl Reference {
    pub fn beat(&mut self, beat: &Beat, by: BeatSource, shard: u16) -> Option<Step> {
        let stamp = self.stamp();
        let key = SessionKey { user: beat.user.clone(), id: beat.session.clone() };
        let here = by == BeatSource::Connection;
        let at = |known: Option<&Known>| {
            known.map_or(stamp, |k| stamp.max(k.session.placement.placed_at + INSTANT))
        };
        let active_at = match beat.activity {
            Activity::Unknown => None,
            Activity::Now => Some(stamp),
            Activity::Ago(ago) => Some(stamp - ago),
            Activity::At(then) => Some(then.min(stamp)),
        };
        let known = self.sessions.get(&key);
        let before = known.map(|known| known.session.clone());
        if let Some(Session { placement: Placement { left: Some(left), .. }, .. }) = &before
            && beat.kind == BeatKind::Renew
            && !here
            && stamp < left.at + self.policy.grace
        {
            return None;
        }
        // The state that a heartbeat builds on: none if it enters.
        let kept = known.filter(|_| beat.kind == BeatKind::Renew);
        let is_here = here || known.is_some_and(|known| known.is_here);
        let is_held =
            is_here || kept.is_some_and(|k| k.session.placement.held && k.session.placement.left.is_none());
        let lease_of = |is_held: bool| {
            let usual = if is_held { self.policy.held_for } else { self.policy.lease_for };
            let before =
                kept.map(|known| &known.session.placement).filter(|p| p.held == is_held).map(|p| p.lease);
            let lease = beat.lease.or(before).unwrap_or(usual).clamp(INSTANT, Policy::MAX_LEASE);
            if is_held { lease.max(self.policy.held_for) } else { lease }
        };
        let lease = lease_of(is_held);
        let topics = match (&beat.topics, kept) {
            (Some(topics), _) => topics.clone(),
            (None, Some(known)) => self.lasting(known),
            (None, None) => Topics::NONE,
        };
        let node = match &before {
            Some(before) if is_held && !is_here => before.placement.node.clone(),
            _ => self.me.clone(),
        };
        let meta = beat.meta.clone().or_else(|| kept.and_then(|known| known.session.placement.meta.clone()));
        let placement =
            Placement { placed_at: at(known), left: None, node, held: is_held, lease, topics, meta };
        let moves = before.as_ref().is_none_or(|before| {
            let old = &before.placement;
            beat.kind == BeatKind::Enter
                || old.left.is_some()
                || here && !(old.held && old.node == self.me)
                || beat.topics.as_ref().is_some_and(|topics| *topics != old.topics)
                || beat.lease.is_some() && lease_of(old.held) != old.lease
                || beat.meta.is_some() && beat.meta != old.meta
        });
        let is_new = before.is_none();
        let revives = known.is_some_and(|known| !self.liveness(known).is_live());
        let is_by_own_time = self.newest.is_none();
        let known = self.sessions.entry(key.clone()).or_insert_with(|| Known {
            session: Session {
                user: beat.user.clone(),
                id: beat.session.clone(),
                placement: placement.clone(),
                declared: None,
                seen_at: Timestamp::ZERO,
                active_at: Timestamp::ZERO,
            },
            shard,
            watch: 0,
            is_own: true,
            is_here: false,
            is_confirmed: false,
            is_by_own_time,
            unconfirmed_since: None,
        });
        if moves {
            known.session.placement = placement;
        }
        known.is_own = true;
        known.is_here |= here;
        let declares = say(&mut known.session, beat.declares.as_ref(), stamp);
        let session = &mut known.session;
        if by != BeatSource::Declaration {
            let first = session.seen_at == Timestamp::ZERO;
            session.touch(stamp, active_at.or(first.then_some(stamp)).unwrap_or_default());
        }
        let after = session.clone();
        (is_new || moves || revives || declares).then_some(Step { before, after })
    }

    pub fn declare(&mut self, key: &SessionKey, declaration: Declaration, shard: u16) -> Option<Step> {
        let stamp = self.stamp();
        let Some(known) = self.sessions.get_mut(key) else {
            let beat = Beat::renew(key.user.clone(), key.id.clone()).declares(declaration);
            return self.beat(&beat, BeatSource::Declaration, shard);
        };
        let before = Some(known.session.clone());
        if !say(&mut known.session, Some(&declaration), stamp) {
            return None;
        }
        known.is_own = true;
        Some(Step { before, after: known.session.clone() })
    }

    pub fn leave(&mut self, leave: &Leave) -> Option<Step> {
        let seen = self.sessions.get(&leave.key)?.session.placement.placed_at;
        if leave.placed_at.is_some_and(|placed_at| seen > placed_at) {
            return None;
        }
        let grace = if leave.kind == LeaveKind::Immediate { Duration::ZERO } else { self.policy.grace };
        self.depart(&leave.key, leave.topics.as_deref(), grace)
    }

    pub fn drop_held(&mut self, key: &SessionKey, grace: Duration) -> Option<Step> {
        let known = self.sessions.get_mut(key)?;
        known.is_here = false;
        let placement = &known.session.placement;
        if !placement.held || placement.node != self.me || self.is_draining {
            return None;
        }
        self.depart(key, None, grace)
    }

    pub(super) fn depart(
        &mut self,
        key: &SessionKey,
        leaving: Option<&[Topic]>,
        grace: Duration,
    ) -> Option<Step> {
        let stamp = self.stamp();
        let known = self.sessions.get(key)?;
        let lasting = self.lasting(known);
        let before = known.session.clone();
        let mut placement = before.placement.clone();
        match (placement.left, leaving) {
            (Some(_), Some(_)) => return None,
            (Some(left), None) => {
                let at = stamp.max(left.at + INSTANT);
                if at + grace >= left.ends_at {
                    return None;
                }
                placement.left = Some(Departure { at, ends_at: at + grace });
            }
            (None, None) => placement.left = Some(Departure { at: stamp, ends_at: stamp + grace }),
            (None, Some(leaving)) => {
                let memberships = placement.topics.memberships();
                let open = || {
                    memberships
                        .iter()
                        .filter(|membership| membership.until.is_none())
                        .map(|membership| &membership.topic)
                };
                if !open().any(|topic| leaving.contains(topic)) {
                    return None;
                }
                if open().all(|topic| leaving.contains(topic)) {
                    placement.left = Some(Departure { at: stamp, ends_at: stamp + grace });
                } else {
                    placement.topics = lasting.leaving(leaving, stamp + grace);
                    placement.placed_at = stamp.max(placement.placed_at + INSTANT);
                }
            }
        }
        let known = self.sessions.get_mut(key)?;
        known.session.placement = placement;
        Some(Step { before: Some(before), after: known.session.clone() })
    }

    pub fn roll_back(&mut self, Step { before, after }: &Step) {
        let key = after.key();
        let Some(known) = self.sessions.get_mut(&key) else { return };
        let session = &mut known.session;
        let is_so = session.placement == after.placement;
        let Some(old) = before else {
            if is_so {
                self.sessions.remove(&key);
            }
            return;
        };
        if is_so {
            session.placement = old.placement.clone();
        }
        if session.declared == after.declared {
            session.declared = old.declared.clone();
        }
        if (session.seen_at, session.active_at) == (after.seen_at, after.active_at) {
            (session.seen_at, session.active_at) = (old.seen_at, old.active_at);
        }
    }

    pub fn beat_node(&mut self) {
        let (id, seen_at) = (self.me.clone(), self.stamp());
        let drain_for = self.nodes.get(&id).and_then(|node| node.drain_for);
        self.touch_node(Node { id, seen_at, drain_for });
    }

    pub fn drain(&mut self, reconnect_in: Duration) {
        self.is_draining = true;
        let id = self.me.clone();
        let last = self.nodes.get(&id).map_or(Timestamp::ZERO, |node| node.seen_at + INSTANT);
        self.touch_node(Node { id, seen_at: self.stamp().max(last), drain_for: Some(reconnect_in) });
    }

    pub(super) fn touch_node(&mut self, node: Node) {
        let known = self.nodes.entry(node.id.clone()).or_insert_with(|| node.clone());
        if node.rank() > known.rank() {
            *known = node;
        }
    }
}
