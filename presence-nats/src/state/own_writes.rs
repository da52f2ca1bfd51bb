//! The sessions that this handle has written and its watch has not read yet.
//!
//! A watch also receives what its own process writes. If it reads the very bytes that were written,
//! it takes the session from here instead of decoding them again.

use crate::codec::Raw;
use bytes::Bytes;
use parking_lot::Mutex;
use presence_core::store::Session;
use std::collections::BTreeMap;

/// The maximum number of sessions that are kept here; further ones are decoded by the watch.
const ENTRIES: usize = 1_024;

/// By revision.
#[derive(Debug, Default)]
pub(crate) struct OwnWrites(Mutex<BTreeMap<u64, Written>>);

#[derive(Debug)]
struct Written {
    subject: String,
    payload: Bytes,
    session: Session,
}

impl OwnWrites {
    /// Keeps a session that was written as these bytes, until a watch has read further.
    pub(crate) fn add(&self, revision: u64, subject: String, payload: Bytes, session: Session) {
        let mut written = self.0.lock();
        if written.len() < ENTRIES {
            written.insert(revision, Written { subject, payload, session });
        }
    }

    /// The session of a message that a watch has read, if it is here. Removes everything up to that
    /// message: what was added after the watch had read it is not needed any more.
    pub(crate) fn take(&self, raw: &Raw) -> Option<Session> {
        let mut written = self.0.lock();
        while let Some(first) = written.first_entry().filter(|first| *first.key() <= raw.seq) {
            let (revision, Written { subject, payload, session }) = first.remove_entry();
            // A bucket that was replaced counts its revisions from the beginning, so these are
            // compared as well.
            if revision == raw.seq && subject == raw.subject && payload == raw.payload {
                return Some(session);
            }
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use presence_core::{Timestamp, testing};

    fn read(seq: u64, subject: &str, payload: &'static str) -> Raw {
        let (gone, forgotten) = (None, None);
        let (subject, payload) = (subject.to_owned(), Bytes::from_static(payload.as_bytes()));
        Raw { subject, seq, at: Timestamp::ZERO, gone, forgotten, incarnation: 0, payload }
    }

    fn add(writes: &OwnWrites, revision: u64, payload: &'static str) {
        let session = testing::session("u", "s", Timestamp::from_millis(revision));
        writes.add(revision, "s.u.s".to_owned(), Bytes::from_static(payload.as_bytes()), session);
    }

    fn placed_at(session: Option<Session>) -> Option<u64> {
        session.map(|session| session.placement.placed_at.as_millis())
    }

    #[test]
    fn the_watch_takes_the_session_of_the_bytes_that_were_written() {
        let writes = OwnWrites::default();
        (7..=9).for_each(|revision| add(&writes, revision, "a record"));
        assert_eq!(placed_at(writes.take(&read(6, "s.u.s", "a record"))), None);
        assert_eq!(placed_at(writes.take(&read(8, "s.u.s", "a record"))), Some(8));
        // Read before: the watch does not come back to it.
        assert_eq!(placed_at(writes.take(&read(7, "s.u.s", "a record"))), None);
        assert_eq!(placed_at(writes.take(&read(9, "s.u.s", "a record"))), Some(9));
    }

    #[test]
    fn another_record_of_the_same_revision_is_decoded() {
        for (subject, payload) in [("s.u.s", "another record"), ("s.u.other", "a record")] {
            let writes = OwnWrites::default();
            add(&writes, 7, "a record");
            assert_eq!(placed_at(writes.take(&read(7, subject, payload))), None);
        }
    }

    #[test]
    fn a_watch_that_lags_decodes_what_does_not_fit() {
        let writes = OwnWrites::default();
        let last = ENTRIES as u64 + 1;
        (1..=last).for_each(|revision| add(&writes, revision, "a record"));
        assert_eq!(placed_at(writes.take(&read(1, "s.u.s", "a record"))), Some(1));
        assert_eq!(placed_at(writes.take(&read(last, "s.u.s", "a record"))), None);
        assert!(writes.0.lock().is_empty());
    }
}
