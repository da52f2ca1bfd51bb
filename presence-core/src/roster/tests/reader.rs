//! A reader of a watch that applies all updates, and verifies that they are consistent.

use crate::model::{SessionId, UserId};
use crate::roster::{Counts, Detail, Member, Roster, Scope, SessionEvent, Snapshot, Update, Version, Watch};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

pub struct Reader {
    watch: Arc<Watch>,
    id: u64,
    pub at: Option<Version>,
    state: Option<Snapshot>,
    /// Live sessions according to the events.
    sessions: BTreeSet<(UserId, SessionId)>,
    pub snapshots: u32,
    pub diffs: u32,
}

impl Reader {
    pub fn new(roster: &Roster, scope: &Scope, detail: Detail, id: u64) -> Self {
        let watch = roster.watch(scope, detail);
        Self { watch, id, at: None, state: None, sessions: BTreeSet::new(), snapshots: 0, diffs: 0 }
    }

    pub fn scope(&self) -> &Scope {
        &self.watch.scope
    }

    pub fn detail(&self) -> Detail {
        self.watch.detail
    }

    /// Reads one update; returns whether there was one.
    pub fn read(&mut self) -> bool {
        let context = Context::from_waker(Waker::noop());
        let Poll::Ready(Some((update, version))) = self.watch.poll(self.id, self.at, &context) else {
            return false;
        };
        if let Some(at) = self.at {
            assert_eq!(at.incarnation, version.incarnation);
            assert!(at.n < version.n, "versions grow: {at}, {version}");
        }
        match update {
            Update::Snapshot(snapshot) => self.start_over(&snapshot),
            Update::Diff(diff) => {
                self.diffs += 1;
                let state = self.state.as_mut().unwrap();
                assert_eq!((diff.from, diff.to), (state.version, version));
                let mut mentioned = BTreeSet::new();
                for member in &diff.joined {
                    assert!(!state.members.contains_key(&member.user), "{} joined twice", member.user);
                    assert!(mentioned.insert(member.user.clone()));
                }
                for member in &diff.changed {
                    assert!(state.members.contains_key(&member.user), "{} changed unseen", member.user);
                    assert!(mentioned.insert(member.user.clone()));
                }
                for (user, _) in &diff.left {
                    assert!(state.members.contains_key(user), "{user} left twice");
                    assert!(mentioned.insert(user.clone()));
                }
                state.apply(&diff);
                for event in &diff.sessions {
                    self.apply_session_event(event);
                }
            }
        }
        self.at = Some(version);
        let state = self.state.as_ref().unwrap();
        assert_eq!(state.version, version);
        if self.watch.detail == Detail::Sessions {
            assert_eq!(self.sessions, sessions_of(&state.members), "session events and members differ");
        }
        true
    }

    pub fn read_all(&mut self) {
        while self.read() {}
    }

    fn start_over(&mut self, snapshot: &Snapshot) {
        self.snapshots += 1;
        self.sessions = sessions_of(&snapshot.members);
        self.state = Some(snapshot.clone());
    }

    fn apply_session_event(&mut self, event: &SessionEvent) {
        match event {
            SessionEvent::Joined(user, session) => {
                assert!(self.sessions.insert((user.clone(), session.id.clone())), "{user} joined twice");
            }
            SessionEvent::Changed(user, session) => {
                assert!(self.sessions.contains(&(user.clone(), session.id.clone())), "{user} changed unseen");
            }
            SessionEvent::Left(user, id, _) => {
                assert!(self.sessions.remove(&(user.clone(), id.clone())), "{user} left twice");
            }
        }
    }

    /// The members according to all updates.
    pub fn members(&self) -> BTreeMap<UserId, Member> {
        let members = self.state.iter().flat_map(|state| &state.members);
        members.map(|(user, member)| (user.clone(), Member::clone(member))).collect()
    }

    pub fn counts(&self) -> Counts {
        self.watch.counts()
    }

    /// Closes the reader, and returns its version.
    pub fn leave(self) -> Option<Version> {
        self.watch.leave(self.id);
        self.at
    }
}

fn sessions_of(members: &BTreeMap<UserId, Arc<Member>>) -> BTreeSet<(UserId, SessionId)> {
    let of = |(user, member): (&UserId, &Arc<Member>)| {
        member.sessions.iter().map(|session| (user.clone(), session.id.clone())).collect::<Vec<_>>()
    };
    members.iter().flat_map(of).collect()
}
