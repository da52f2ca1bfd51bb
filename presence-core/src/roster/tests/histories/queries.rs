//! Compares roster and reference by queries, and ends a history.

use super::*;

impl History {
    pub(super) fn check(&mut self, rng: &mut Rng) {
        let Self { stage, reference, revisions, .. } = self;
        stage.roster.publish();
        assert_eq!(stage.roster.len(), reference.sessions.len());
        let (all, shown) = stage.roster.shown.bytes(stage.roster.topics.bytes());
        assert_eq!((all, shown, stage.roster.shown_sessions()), stage.roster.recount());
        for (key, known) in &reference.sessions {
            assert_eq!(stage.roster.session(key).as_ref(), Some(&known.session));
        }
        let scopes = TOPICS.map(|name| Scope::Topic(topic(name))).into_iter().chain([Scope::All]);
        for scope in scopes {
            let state = stage.roster.scope(&scope);
            let counts = state.as_ref().map(|state| state.counts()).unwrap_or_default();
            assert_eq!(counts, reference.counts(&scope), "counts of {scope:?}");
            if rng.one_in(4)
                && let Some(state) = state
            {
                let sorted = stage.roster.read(&state, Clone::clone);
                assert_eq!(sorted, reference.sorted(&scope), "lists of {scope:?}");
            }
            // With the same revision, lists and counts are the same.
            let shown = (counts, reference.members(&scope, false));
            if let Some(revision) = stage.roster.scope(&scope).map(|state| state.revision()) {
                let before = revisions.insert(revision, shown.clone());
                assert!(before.is_none_or(|before| before == shown), "{scope:?} keeps its revision");
            }
            for name in USERS {
                let of = user(name);
                let shown = stage.roster.member(&of, &scope, true);
                assert_eq!(shown, reference.member(&of, &scope, true), "{name} in {scope:?}");
            }
        }
        for of in reference.users() {
            let person = stage.roster.person(&of).unwrap();
            let mut member = reference.unhidden(&of, None, true);
            if reference.is_hidden(&of) {
                member.liveness = crate::Liveness::Gone;
            }
            assert_eq!((person.member, person.last_seen), (member, reference.last_seen(&of)));
        }
        for limit in [0, 1, 2, 9] {
            assert_eq!(stage.roster.top_topics(limit), reference.top_topics(limit));
        }
        for reader in self.readers.iter_mut().filter(|_| !rng.one_in(4)) {
            reader.read_all();
            let with_sessions = reader.detail() == Detail::Sessions;
            if reader.detail() == Detail::Counts {
                assert_eq!(reader.counts(), reference.counts(reader.scope()));
            } else {
                let members = reference.members(reader.scope(), with_sessions);
                assert_eq!(reader.members(), members, "{:?}", reader.scope());
            }
        }
        if rng.one_in(8) {
            let at = rng.index(self.readers.len());
            let reader = self.readers.swap_remove(at);
            let (scope, detail, id) = (reader.scope().clone(), reader.detail(), rng.next());
            reader.leave();
            self.readers.push(Reader::new(&stage.roster, &scope, detail, id));
        }
        if rng.one_in(8) {
            stage.roster.tidy(stage.now);
        }
    }

    /// The sessions on which roster and reference differ.
    pub(super) fn differences(&self) -> String {
        let mut text = String::new();
        for of in self.reference.users() {
            for examined in self.stage.roster.examine(&of, self.stage.now) {
                let known = self.reference.sessions.get(&examined.session.key());
                if known.map(|known| self.reference.liveness(known)) != Some(examined.liveness) {
                    let _ = writeln!(text, "the reference: {known:?}\nthe roster: {examined:?}");
                }
            }
        }
        text
    }

    /// Stops all heartbeats, and checks that nothing remains.
    pub(super) fn end(&mut self) {
        let mut rng = Rng::seeded(0);
        self.log.push("the end".to_owned());
        self.silent.clear();
        self.paused.extend(OTHERS);
        for key in self.reference.sessions.keys().cloned().collect::<Vec<_>>() {
            self.reference.drop_held(&key, Duration::ZERO);
            self.stage.roster.drop_held(&key, Duration::ZERO, self.stage.now);
        }
        // After a step back of the store's clock, its time stands still until the clock has caught
        // up. This process's held sessions lapse meanwhile.
        self.paused.insert("me");
        self.readers.drain(..).for_each(|reader| _ = reader.leave());
        for _ in 0..30 {
            self.pass(&mut rng, 10);
            self.stage.roster.tidy(self.stage.now);
        }
        assert_eq!((self.stage.roster.len(), self.stage.counts()), (0, (0, 0)));
        assert_eq!(self.stage.roster.bytes(), 0);
        assert_eq!(self.stage.roster.topic_count(), 0);
        assert_eq!(self.stage.roster.watches.lock().len(), 0);
    }
}
