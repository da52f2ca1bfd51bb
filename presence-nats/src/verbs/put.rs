//! `put`: stores sessions (clauses P1 to P3).

use crate::codec::{Record, encode};
use crate::error::Outcome;
use crate::jetstream::streams::Traits;
use crate::state::merge::{Merged, Register, Write};
use crate::state::revision_cache::State;
use crate::store::Shared;
use bytes::Bytes;
use presence_core::store::{Result, Session};
use presence_core::{SessionId, UserId};
use std::borrow::Cow;
use std::collections::BTreeMap;

impl Register for Session {
    fn of(record: Record) -> Option<Self> {
        match record {
            Record::Session(session) => Some(session),
            _ => None,
        }
    }

    fn encode(&self) -> Bytes {
        encode(self)
    }

    fn absorb(&mut self, other: &Self) -> bool {
        self.merge(other)
    }
}

impl Shared {
    pub(crate) async fn put(&self, sessions: &[Session]) -> Result<()> {
        // A batch may repeat a session. Its states are merged first, since two writes of one record
        // at once would conflict.
        let mut merged: BTreeMap<(&UserId, &SessionId), Cow<'_, Session>> = BTreeMap::new();
        for session in sessions {
            let entry = merged.entry((&session.user, &session.id));
            entry.and_modify(|known| _ = known.to_mut().merge(session)).or_insert(Cow::Borrowed(session));
        }
        let sessions: Vec<Cow<'_, Session>> = merged.into_values().collect();
        self.streams.with(|traits| self.put_once(traits, &sessions)).await
    }

    async fn put_once(&self, traits: Traits, sessions: &[Cow<'_, Session>]) -> Outcome<()> {
        self.revisions.reserve(sessions.iter().map(|session| (&session.user, &session.id)));
        let write = |session: &Cow<'_, Session>| {
            let mut value = Session::clone(session);
            let expected = self.revisions.contained(&mut value);
            let subject = self.streams.keys.session(&value.user, &value.id);
            Write { subject, value, expected, forgotten: None }
        };
        let merged = self.streams.merge(traits, sessions.iter().map(write).collect()).await?;
        let is_watched = self.revisions.is_watched();
        for Merged { value, revision, forgotten, written } in merged {
            let state = State::Existing { session: &value, repeats_deletion: forgotten.is_some() };
            self.revisions.fill(&value.user, &value.id, revision, state);
            if let Some((subject, payload)) = written.filter(|_| is_watched) {
                self.own_writes.add(revision, subject, payload, value);
            }
        }
        Ok(())
    }
}
