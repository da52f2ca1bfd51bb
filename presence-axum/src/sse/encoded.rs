//! Encodes updates as events, once for all readers.

use super::Key;
use super::shared_map::SharedMap;
use crate::wire;
use bytes::Bytes;
use parking_lot::Mutex;
use presence_core::{Counts, Update, Version, View};
use serde::Serialize;
use std::collections::VecDeque;
use std::io::{self, ErrorKind, Write};
use std::sync::Arc;

/// The most recent events of one scope.
///
/// The readers of a scope get the same updates at about the same time: the first one encodes the
/// event, the others reuse it.
#[derive(Default)]
pub(super) struct Encoder {
    /// In a stream of many scopes: the start of each event's JSON, `{"scope":"topic:a"`. Such
    /// events have no `id:`.
    scope: Option<String>,
    /// At most `KEPT` events, one of them a state.
    recent: Mutex<VecDeque<(Content, Event)>>,
}

/// An encoded event, or `None` if it would be too large.
type Event = Option<Bytes>;

/// How many events are kept for readers who ask a little later.
const KEPT: usize = 8;
/// An estimate of the bytes that one user takes in an event.
const PER_USER: usize = 80;

/// Identifies the content of an event: equal values mean equal bytes.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Content {
    State { version: Version, fresh: bool },
    Diff { from: Version, to: Version },
}

impl Encoder {
    /// An encoder for events of this scope in a stream of many.
    pub(super) fn scoped(scope: &str) -> Self {
        Self { scope: Some(scope.to_owned()), ..Self::default() }
    }

    /// Encodes an event of up to `most` bytes; `None`, after at most that many bytes, for
    /// a larger one.
    fn write(
        &self,
        name: &str,
        version: Version,
        data: &impl Serialize,
        (room, most): (usize, usize),
    ) -> Event {
        let (head, scope_ends_at) = match &self.scope {
            Some(scope) => {
                let head = format!("event: {name}\ndata: {scope}");
                let ends_at = head.len();
                (head, Some(ends_at))
            }
            None => (format!("event: {name}\nid: {version}\ndata: "), None),
        };
        write_within(head, scope_ends_at, data, (room, most))
    }

    /// The event of this update; `None` if it would take more than `most` bytes. `view` is called
    /// only for a state.
    ///
    /// The lock is held while an event is encoded, so that it is encoded once.
    pub(super) fn encode(&self, update: &Update, most: usize, view: impl FnOnce() -> View) -> Event {
        let mut recent = self.recent.lock();
        match update {
            Update::Snapshot(snapshot) => {
                let view = view();
                let content = Content::State { version: snapshot.version, fresh: view == View::Fresh };
                find(&recent, content).unwrap_or_else(|| {
                    let room = 64 + PER_USER * snapshot.members.len();
                    // Older states are large, and no reader asks for them any more.
                    recent.retain(|(content, _)| !matches!(content, Content::State { .. }));
                    let state = wire::state(snapshot, view);
                    let event = self.write("presence_state", snapshot.version, &state, (room, most));
                    keep(&mut recent, content, event)
                })
            }
            Update::Diff(diff) => {
                let content = Content::Diff { from: diff.from, to: diff.to };
                find(&recent, content).unwrap_or_else(|| {
                    let room = 128 + PER_USER * (diff.joined.len() + diff.changed.len() + diff.left.len());
                    let event = self.write("presence_diff", diff.to, &wire::diff(diff), (room, most));
                    keep(&mut recent, content, event)
                })
            }
        }
    }

    /// The event with counts, sent in place of a state that would be too large. It has no id, so
    /// that no client resumes from it.
    pub(super) fn counts(&self, counts: Counts) -> Bytes {
        let counts = wire::large(counts);
        match &self.scope {
            Some(scope) => write_scoped("presence_counts", scope, &counts, 80),
            None => super::write(b"event: presence_counts\ndata: ", &counts, 80),
        }
    }
}

/// An event of a stream of many scopes: `data` is a JSON object with at least one field, to which
/// the scope is added.
pub(super) fn write_scoped(name: &str, scope: &str, data: &impl Serialize, room: usize) -> Bytes {
    let head = format!("event: {name}\ndata: {scope}");
    let ends_at = head.len();
    write_within(head, Some(ends_at), data, (room, usize::MAX)).unwrap_or_default()
}

/// Encodes an event: `head`, then a JSON object, which is joined to the object that `head`
/// opens at `scope_ends_at`.
fn write_within(
    head: String,
    scope_ends_at: Option<usize>,
    data: &impl Serialize,
    (room, most): (usize, usize),
) -> Event {
    let mut text = head.into_bytes();
    text.reserve(room.min(most) + 2);
    let mut within = Within { text, most };
    if let Err(error) = serde_json::to_writer(&mut within, data) {
        if error.is_io() {
            return None;
        }
        tracing::error!(%error, "an event could not be serialised");
        return Some(Bytes::from_static(b":\n\n"));
    }
    let mut frame = within.text;
    if let Some(brace) = scope_ends_at.and_then(|at| frame.get_mut(at)) {
        *brace = b',';
    }
    frame.extend_from_slice(b"\n\n");
    Some(frame.into())
}

/// A buffer with a maximum size, beyond which writing fails.
struct Within {
    text: Vec<u8>,
    most: usize,
}

impl Write for Within {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.text.len() + bytes.len() > self.most {
            return Err(ErrorKind::FileTooLarge.into());
        }
        self.text.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn find(recent: &VecDeque<(Content, Event)>, content: Content) -> Option<Event> {
    recent.iter().rev().find(|(kept, _)| *kept == content).map(|(_, event)| event.clone())
}

fn keep(recent: &mut VecDeque<(Content, Event)>, content: Content, event: Event) -> Event {
    if recent.len() == KEPT {
        recent.pop_front();
    }
    recent.push_back((content, event.clone()));
    event
}

/// The encoders of the scopes that have readers.
#[derive(Default)]
pub(super) struct Encoders(SharedMap<Key, Arc<Encoder>>);

impl Encoders {
    pub(super) fn of(&self, key: &Key) -> Arc<Encoder> {
        self.0.get(key, Arc::default, |encoder| Arc::strong_count(encoder) == 1)
    }

    /// An encoder for events that start with this scope.
    pub(super) fn scoped(&self, key: &Key, scope: &str) -> Arc<Encoder> {
        self.0.get(key, || Arc::new(Encoder::scoped(scope)), |encoder| Arc::strong_count(encoder) == 1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use presence_core::{Diff, Snapshot};

    fn version(n: u64) -> Version {
        Version { incarnation: 7, n }
    }

    fn state(n: u64) -> Update {
        Update::Snapshot(Arc::new(Snapshot::empty(version(n))))
    }

    fn step(n: u64) -> Update {
        Update::Diff(Arc::new(Diff::between(version(n), version(n + 1))))
    }

    #[test]
    fn readers_of_the_same_update_get_the_same_bytes() {
        let encoder = Encoder::default();
        for update in [state(1), step(1)] {
            let encode = || encoder.encode(&update, usize::MAX, || View::Fresh).unwrap();
            assert_eq!(encode().as_ptr(), encode().as_ptr());
        }
    }

    #[test]
    fn few_events_are_kept_and_one_state() {
        let encoder = Encoder::default();
        for n in 0..100 {
            encoder.encode(&state(n), usize::MAX, || View::Fresh);
            encoder.encode(&step(n), usize::MAX, || View::Fresh);
        }
        let recent = encoder.recent.lock();
        assert!(recent.len() <= KEPT);
        assert_eq!(recent.iter().filter(|(content, _)| matches!(content, Content::State { .. })).count(), 1);
    }

    #[test]
    fn an_event_that_would_be_too_large_is_not_encoded() {
        for encoder in [Encoder::default(), Encoder::scoped("{\"scope\":\"everyone\"")] {
            let event = encoder.encode(&state(1), usize::MAX, || View::Fresh).unwrap();
            let most = event.len() - 2;
            assert_eq!(encoder.encode(&state(2), most, || View::Fresh).unwrap().len(), event.len());
            assert_eq!(encoder.encode(&state(3), most - 1, || View::Fresh), None);
            assert_eq!(encoder.encode(&step(3), 60, || View::Fresh), None);
        }
    }

    #[test]
    fn events_are_named_and_carry_their_version() {
        let encoder = Encoder::default();
        let stale = || View::Stale { since: presence_core::Timestamp::ZERO };
        let text = |update: &Update| {
            let event = encoder.encode(update, usize::MAX, stale).unwrap();
            String::from_utf8(event.to_vec()).unwrap()
        };
        assert_eq!(
            text(&state(1)),
            "event: presence_state\nid: 0000000000000007-1\n\
             data: {\"version\":\"0000000000000007-1\",\"view\":\"stale\",\"users\":{}}\n\n"
        );
        assert_eq!(
            text(&step(1)),
            "event: presence_diff\nid: 0000000000000007-2\n\
             data: {\"from\":\"0000000000000007-1\",\"version\":\"0000000000000007-2\",\
             \"joined\":{},\"changed\":{},\"left\":{}}\n\n"
        );
    }
}
