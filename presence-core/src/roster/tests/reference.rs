//! A roster without indexes, wheels or caches: plain facts in lists, from which every question is answered anew.
//!
//! It shares with the real one the merge, the verdict on one session and the view clock, each of which has tests of its
//! own, and nothing else.

use crate::liveness::{self, Liveness, Policy, Vitals};
use crate::model::{
    Activity, Beat, Declared, Departure, Leave, Message, Node, NodeId, Placement, Session, SessionKey,
    Status, Stay, Topic, Topics, UserId,
};
use crate::roster::{By, Counts, Member, MemberSession, Scope, Settings, Sorted};
use crate::store::{Seen, Touch};
use crate::time::{Timestamp, ViewClock};
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

const INSTANT: Duration = Duration::from_millis(1);

/// A session, and how this process stands to it.
#[derive(Debug, Clone)]
#[expect(clippy::struct_excessive_bools, reason = "plain facts, not packed")]
pub struct Known {
    pub session: Session,
    shard: u16,
    /// In which watch of the store it was last told.
    watch: u64,
    is_own: bool,
    /// Whether a connection of this process holds it.
    is_here: bool,
    is_confirmed: bool,
    is_by_own_time: bool,
    doubted_at: Option<Timestamp>,
}

pub struct Reference {
    policy: Policy,
    me: NodeId,
    pub sessions: BTreeMap<SessionKey, Known>,
    pub nodes: BTreeMap<NodeId, Node>,
    views: Vec<ViewClock>,
    /// The newest word of the store's time, and when it came.
    newest: Option<(Timestamp, Timestamp)>,
    watch: u64,
    is_draining: bool,
    pub now: Timestamp,
}

/// What a step did to a session: enough to take it back.
#[derive(Debug)]
pub struct Step {
    before: Option<Session>,
    after: Session,
}

impl Reference {
    pub fn new(settings: &Settings, now: Timestamp) -> Self {
        let view = ViewClock::new(settings.policy.held_for);
        Self {
            policy: settings.policy.clone(),
            me: settings.node.clone(),
            sessions: BTreeMap::new(),
            nodes: BTreeMap::new(),
            views: vec![view; usize::from(settings.shards)],
            newest: None,
            watch: 0,
            is_draining: false,
            now,
        }
    }

    pub fn stamp(&self) -> Timestamp {
        self.newest.map_or(self.now, |(at, on)| at + self.now.since(on))
    }

    // ---- what this process says

    pub fn beat(&mut self, beat: &Beat, by: By, shard: u16) -> Option<Step> {
        let stamp = self.stamp();
        let key = SessionKey { user: beat.user.clone(), id: beat.session.clone() };
        let here = by == By::Connection;
        let at = |known: Option<&Known>| {
            known.map_or(stamp, |k| stamp.max(k.session.placement.placed_at + INSTANT))
        };
        let told_active = match beat.activity {
            Activity::Unknown => None,
            Activity::Now => Some(stamp),
            Activity::Ago(ago) => Some(stamp - ago),
            Activity::At(then) => Some(then.min(stamp)),
        };
        let known = self.sessions.get(&key);
        let before = known.map(|known| known.session.clone());
        if let Some(Session { placement: Placement { left: Some(left), .. }, .. }) = &before
            && !beat.enters
            && !here
            && stamp < left.at + self.policy.grace
        {
            return None;
        }
        // What goes on from before: nothing for who enters.
        let kept = known.filter(|_| !beat.enters);
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
            beat.enters
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
            doubted_at: None,
        });
        if moves {
            known.session.placement = placement;
        }
        known.is_own = true;
        known.is_here |= here;
        let declares = say(&mut known.session, beat.declares.as_ref(), stamp);
        let session = &mut known.session;
        if by != By::Declaration {
            let first = session.seen_at == Timestamp::ZERO;
            session.touch(stamp, told_active.or(first.then_some(stamp)).unwrap_or_default());
        }
        let after = session.clone();
        (is_new || moves || revives || declares).then_some(Step { before, after })
    }

    pub fn declare(
        &mut self,
        key: &SessionKey,
        declares: (Status, Option<Message>, Option<Timestamp>),
        shard: u16,
    ) -> Option<Step> {
        let stamp = self.stamp();
        let Some(known) = self.sessions.get_mut(key) else {
            let beat = Beat { declares: Some(declares), ..Beat::renew(key.user.clone(), key.id.clone()) };
            return self.beat(&beat, By::Declaration, shard);
        };
        let before = Some(known.session.clone());
        if !say(&mut known.session, Some(&declares), stamp) {
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
        let grace = if leave.at_once { Duration::ZERO } else { self.policy.grace };
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

    fn depart(&mut self, key: &SessionKey, leaving: Option<&[Topic]>, grace: Duration) -> Option<Step> {
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
                let stays = placement.topics.stays();
                let open = || stays.iter().filter(|stay| stay.until.is_none()).map(|stay| &stay.topic);
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

    pub fn undo(&mut self, Step { before, after }: &Step) {
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

    fn touch_node(&mut self, node: Node) {
        let known = self.nodes.entry(node.id.clone()).or_insert_with(|| node.clone());
        if node.rank() > known.rank() {
            *known = node;
        }
    }

    // ---- what the store says

    pub fn begin(&mut self) {
        self.watch += 1;
    }

    pub fn merge(&mut self, sessions: &[Session], nodes: &[Node], shard: u16) -> Vec<SessionKey> {
        for node in nodes {
            if node.id != self.me {
                self.touch_node(node.clone());
            }
        }
        sessions.iter().filter_map(|told| self.merge_one(told, shard)).collect()
    }

    /// Answers with its key if the store shows less of it than is known here.
    fn merge_one(&mut self, told: &Session, shard: u16) -> Option<SessionKey> {
        let stamp = self.stamp();
        let known = self.sessions.entry(told.key()).or_insert_with(|| Known {
            session: told.clone(),
            shard,
            watch: 0,
            is_own: false,
            is_here: false,
            is_confirmed: true,
            is_by_own_time: false,
            doubted_at: None,
        });
        let was_own = known.is_own;
        if told.placement.beats(&known.session.placement) && told.placement.node != self.me {
            (known.is_own, known.is_here) = (false, false);
        }
        known.session.merge(told);
        (known.watch, known.is_confirmed, known.doubted_at) = (self.watch, true, None);
        let shows_less = known.session.placement != told.placement || known.session.declared != told.declared;
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
        (was_own && shows_less || corrected).then(|| told.key())
    }

    pub fn touched(&mut self, touch: &Touch) {
        match touch {
            Touch::Session { user, id, seen_at, active_at } => {
                let key = SessionKey { user: user.clone(), id: id.clone() };
                let Some(known) = self.sessions.get_mut(&key) else { return };
                known.session.touch(*seen_at, *active_at);
                known.doubted_at = None;
            }
            Touch::Node { node, .. } if *node == self.me => {}
            Touch::Node { node, seen_at, drain_for } => {
                self.touch_node(Node { id: node.clone(), seen_at: *seen_at, drain_for: *drain_for });
            }
        }
    }

    pub fn forgotten(&mut self, seen: &Seen) -> Option<SessionKey> {
        match seen {
            Seen::Session { key, seen_at, placed_at } => {
                let known = self.sessions.get(key)?;
                let lives = self.liveness(known).is_live();
                if lives && known.is_own {
                    return Some(key.clone());
                }
                let session = &known.session;
                if session.seen_at > *seen_at || session.placement.placed_at > *placed_at {
                } else if lives {
                    self.doubt(&key.clone());
                } else {
                    self.sessions.remove(key);
                }
            }
            Seen::Node { node, seen_at } => {
                let is_needed = self.sessions.values().any(|known| known.session.placement.node == *node);
                if !is_needed && self.nodes.get(node).is_some_and(|node| node.seen_at <= *seen_at) {
                    self.nodes.remove(node);
                }
            }
        }
        None
    }

    fn doubt(&mut self, key: &SessionKey) {
        let since = self.view(&self.sessions[key]).map_or(self.stamp(), |view| view.now());
        let known = self.sessions.get_mut(key).unwrap();
        known.doubted_at = known.doubted_at.or(Some(since));
    }

    pub fn synced(&mut self, shard: u16) -> BTreeSet<SessionKey> {
        let mut owed = BTreeSet::new();
        let untold: Vec<SessionKey> = {
            let untold = self.sessions.iter().filter(|(_, k)| k.shard == shard && k.watch != self.watch);
            untold.map(|(key, _)| key.clone()).collect()
        };
        for key in untold {
            let known = &self.sessions[&key];
            let lives = self.liveness(known).is_live();
            if known.is_own && lives {
                owed.insert(key.clone());
            }
            match (known.is_confirmed, lives) {
                (false, _) => {}
                (true, true) => self.doubt(&key),
                // Doubted ones wait for their memory to end, like all that are gone.
                (true, false) if known.doubted_at.is_some() => {}
                (true, false) => drop(self.sessions.remove(&key)),
            }
        }
        owed
    }

    pub fn confirm(&mut self, key: &SessionKey) {
        let Some(known) = self.sessions.get_mut(key) else { return };
        (known.watch, known.is_confirmed, known.doubted_at) = (self.watch, true, None);
    }

    pub fn prove(&mut self, shard: u16, at: Timestamp) {
        let first = self.newest.is_none();
        if self.newest.is_none_or(|(newest, _)| newest < at) {
            self.newest = Some((at, self.now));
        }
        if first {
            self.move_to_store_time();
        }
        self.views[usize::from(shard)].prove(at, self.now);
    }

    fn move_to_store_time(&mut self) {
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
            let mut stays: Vec<Stay> = placement.topics.stays().to_vec();
            stays.iter_mut().filter_map(|stay| stay.until.as_mut()).for_each(shift);
            placement.topics = Topics::of(stays).unwrap();
        }
        if let Some(me) = self.nodes.get_mut(&self.me) {
            shift(&mut me.seen_at);
        }
    }

    // ---- questions

    fn view(&self, known: &Known) -> Option<ViewClock> {
        let proven = &self.views[usize::from(known.shard)];
        if known.is_confirmed && proven.has_proof() {
            Some(proven.clone())
        } else {
            (known.is_own || !known.is_confirmed).then(|| ViewClock::running(self.stamp()))
        }
    }

    fn vitals(&self, known: &Known) -> Vitals {
        let node = self.nodes.get(&known.session.placement.node);
        Vitals { unconfirmed_since: known.doubted_at, ..Vitals::of(&known.session, node) }
    }

    pub fn liveness(&self, known: &Known) -> Liveness {
        let Some(view) = self.view(known) else { return Liveness::Gone };
        liveness::classify(&self.vitals(known), &self.policy, &view)
    }

    /// For how long a session has been gone by its own view; `None` while it lives.
    pub fn gone_for(&self, known: &Known) -> Option<Duration> {
        if self.liveness(known).is_live() {
            return None;
        }
        let view = self.view(known)?;
        Some(view.now().since(liveness::gone_at(&self.vitals(known), &view)))
    }

    fn time_of(&self, known: &Known) -> Timestamp {
        self.view(known).map_or(Timestamp::ZERO, |view| view.now())
    }

    /// The topics without the stays that have ended.
    fn lasting(&self, known: &Known) -> Topics {
        let now = self.time_of(known);
        let stays = known.session.placement.topics.stays();
        let lasting = stays.iter().filter(|stay| stay.until.is_none_or(|until| now < until));
        Topics::of(lasting.cloned().collect()).unwrap()
    }

    pub fn users(&self) -> BTreeSet<UserId> {
        self.sessions.keys().map(|key| key.user.clone()).collect()
    }

    fn of_user<'a>(&'a self, user: &'a UserId) -> impl Iterator<Item = &'a Known> {
        self.sessions.values().filter(move |known| known.session.user == *user)
    }

    fn declared<'a>(&'a self, user: &'a UserId) -> Option<&'a Declared> {
        let live = self.of_user(user).filter(|known| self.liveness(known).is_live());
        let said = live.filter_map(|known| {
            let declared = known.session.declared.as_ref()?;
            declared.counts_at(self.time_of(known)).then_some((declared, &known.session.id))
        });
        said.max_by_key(|(declared, id)| (declared.at, *id)).map(|(declared, _)| declared)
    }

    pub fn is_hidden(&self, user: &UserId) -> bool {
        self.declared(user).is_some_and(|declared| declared.status == Status::Offline)
    }

    /// How a user would show in a topic, or anywhere, if they were not hidden.
    pub fn unhidden(&self, user: &UserId, topic: Option<&Topic>, with_sessions: bool) -> Member {
        let live = || self.of_user(user).filter(|known| self.liveness(known).is_live());
        let shown: Vec<&Known> = live()
            .filter(|known| topic.is_none_or(|topic| self.lasting(known).names().any(|name| name == topic)))
            .collect();
        let best = live().map(|known| self.liveness(known)).max();
        let (status, message) = match (best, self.declared(user)) {
            (None, _) => (Status::Offline, None),
            (_, Some(declared)) => (declared.status, declared.message.clone()),
            (Some(Liveness::Active), None) => (Status::Online, None),
            (Some(_), None) => (Status::Away, None),
        };
        let with_meta = shown.iter().filter(|known| known.session.placement.meta.is_some());
        let newest = with_meta.max_by_key(|known| (known.session.placement.placed_at, &known.session.id));
        let session = |known: &&Known| MemberSession {
            id: known.session.id.clone(),
            liveness: self.liveness(known),
            topics: self.lasting(known).names().cloned().collect(),
            meta: known.session.placement.meta.clone(),
        };
        Member {
            user: user.clone(),
            liveness: shown.iter().map(|known| self.liveness(known)).max().unwrap_or(Liveness::Gone),
            status,
            message,
            meta: newest.and_then(|known| known.session.placement.meta.clone()),
            sessions: if with_sessions { shown.iter().map(session).collect() } else { Vec::new() },
        }
    }

    pub fn last_seen(&self, user: &UserId) -> Option<Timestamp> {
        let seen = self.of_user(user).map(|known| {
            let Placement { held, node, .. } = &known.session.placement;
            let node = self.nodes.get(node).filter(|_| *held).map_or(Timestamp::ZERO, |node| node.seen_at);
            known.session.seen_at.max(node)
        });
        seen.max().filter(|at| *at != Timestamp::ZERO)
    }

    pub fn member(&self, user: &UserId, scope: &Scope, with_sessions: bool) -> Option<Member> {
        let topic = match scope {
            Scope::All => None,
            Scope::Topic(topic) => Some(topic),
            Scope::Users(users) if users.contains(user) => None,
            Scope::Users(_) => return None,
        };
        let member = self.unhidden(user, topic, with_sessions);
        (member.liveness.is_live() && !self.is_hidden(user)).then_some(member)
    }

    pub fn members(&self, scope: &Scope, with_sessions: bool) -> BTreeMap<UserId, Member> {
        let users = self.users().into_iter();
        users.filter_map(|user| Some((user.clone(), self.member(&user, scope, with_sessions)?))).collect()
    }

    pub fn sorted(&self, scope: &Scope) -> Sorted {
        let mut sorted = Sorted::default();
        for (user, member) in self.members(scope, false) {
            match member.liveness {
                Liveness::Active => sorted.active.insert(user),
                _ => sorted.idle.insert(user),
            };
        }
        sorted
    }

    pub fn counts(&self, scope: &Scope) -> Counts {
        let Sorted { active, idle } = self.sorted(scope);
        let count = |users: usize| u32::try_from(users).unwrap();
        Counts { online: count(active.len() + idle.len()), active: count(active.len()) }
    }

    /// Those with most users first, the ties by name.
    pub fn top_topics(&self, limit: usize) -> Vec<(Topic, Counts)> {
        let names: BTreeSet<Topic> =
            self.sessions.values().flat_map(|k| k.session.placement.topics.names().cloned()).collect();
        let counts = names.into_iter().map(|topic| {
            let counts = self.counts(&Scope::Topic(topic.clone()));
            (topic, counts)
        });
        let mut top: Vec<_> = counts.filter(|(_, counts)| counts.online > 0).collect();
        top.sort_by_key(|(_, counts)| std::cmp::Reverse(counts.online));
        top.truncate(limit);
        top
    }
}

/// Declares; answers whether that is news.
fn say(
    session: &mut Session,
    declares: Option<&(Status, Option<Message>, Option<Timestamp>)>,
    stamp: Timestamp,
) -> bool {
    let Some((status, message, until)) = declares.cloned() else { return false };
    let old = session.declared.as_ref();
    if let Some(old) = old
        && (old.status, &old.message, old.until) == (status, &message, until)
    {
        let lives_by_it = session.seen_at == Timestamp::ZERO && until.is_none();
        if !lives_by_it || stamp.since(old.at) < session.placement.lease / 4 {
            return false;
        }
    }
    let at = old.map_or(stamp, |old| stamp.max(old.at + INSTANT));
    session.declared = Some(Declared { at, status, message, until });
    true
}

// For a reference that is made of what another roster holds.
impl Reference {
    pub fn nodes_to_be(&self) -> BTreeSet<NodeId> {
        self.sessions.values().map(|known| known.session.placement.node.clone()).collect()
    }

    pub fn know_node(&mut self, id: NodeId, seen_at: Timestamp) {
        if seen_at != Timestamp::ZERO {
            self.touch_node(Node { id, seen_at, drain_for: None });
        }
    }

    /// Takes a session as it is.
    pub fn know(&mut self, session: Session, shard: u16) {
        let (watch, key) = (self.watch, session.key());
        let known = Known {
            session,
            shard,
            watch,
            is_own: true,
            is_here: false,
            is_confirmed: true,
            is_by_own_time: false,
            doubted_at: None,
        };
        self.sessions.insert(key, known);
    }
}
