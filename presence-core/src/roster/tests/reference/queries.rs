//! Queries of the reference.

use super::*;

impl Reference {
    pub(super) fn view(&self, known: &Known) -> Option<ViewClock> {
        let proven = &self.views[usize::from(known.shard)];
        if known.is_confirmed && proven.has_proof() {
            Some(proven.clone())
        } else {
            (known.is_own || !known.is_confirmed).then(|| ViewClock::running(self.stamp()))
        }
    }

    pub(super) fn vitals(&self, known: &Known) -> Vitals {
        let node = self.nodes.get(&known.session.placement.node);
        Vitals { unconfirmed_since: known.unconfirmed_since, ..Vitals::of(&known.session, node) }
    }

    pub fn liveness(&self, known: &Known) -> Liveness {
        let Some(view) = self.view(known) else { return Liveness::Gone };
        liveness::classify(&self.vitals(known), &self.policy, &view)
    }

    /// How long a session has been gone by its own view; `None` if it is live.
    pub fn gone_for(&self, known: &Known) -> Option<Duration> {
        if self.liveness(known).is_live() {
            return None;
        }
        let view = self.view(known)?;
        Some(view.now().since(liveness::gone_at(&self.vitals(known), &view)))
    }

    pub(super) fn time_of(&self, known: &Known) -> Timestamp {
        self.view(known).map_or(Timestamp::ZERO, |view| view.now())
    }

    /// The topics without memberships that have ended.
    pub(super) fn lasting(&self, known: &Known) -> Topics {
        let now = self.time_of(known);
        let memberships = known.session.placement.topics.memberships();
        let lasting =
            memberships.iter().filter(|membership| membership.until.is_none_or(|until| now < until));
        Topics::of(lasting.cloned().collect()).unwrap()
    }

    pub fn users(&self) -> BTreeSet<UserId> {
        self.sessions.keys().map(|key| key.user.clone()).collect()
    }

    pub(super) fn of_user<'a>(&'a self, user: &'a UserId) -> impl Iterator<Item = &'a Known> {
        self.sessions.values().filter(move |known| known.session.user == *user)
    }

    pub(super) fn declared<'a>(&'a self, user: &'a UserId) -> Option<&'a Declared> {
        let live = self.of_user(user).filter(|known| self.liveness(known).is_live());
        let declared = live.filter_map(|known| {
            let declared = known.session.declared.as_ref()?;
            declared.counts_at(self.time_of(known)).then_some((declared, &known.session.id))
        });
        declared.max_by_key(|(declared, id)| (declared.at, *id)).map(|(declared, _)| declared)
    }

    pub fn is_hidden(&self, user: &UserId) -> bool {
        self.declared(user).is_some_and(|declared| declared.status == Status::Offline)
    }

    /// A user as shown in a topic or everywhere, as if not hidden.
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
        let members = self.members(scope, false);
        let of = |liveness| {
            members
                .iter()
                .filter(move |(_, member)| member.liveness == liveness)
                .map(|(user, _)| user.clone())
        };
        Sorted { active: of(Liveness::Active).collect(), idle: of(Liveness::Idle).collect() }
    }

    pub fn counts(&self, scope: &Scope) -> Counts {
        let Sorted { active, idle } = self.sorted(scope);
        let count = |users: usize| u32::try_from(users).unwrap();
        Counts { online: count(active.len() + idle.len()), active: count(active.len()) }
    }

    /// Topics with most users first; those with equally many sorted by name.
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
