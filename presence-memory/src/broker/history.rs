//! The history of one channel.

use presence_core::broker::hub::{PAGE_BYTES, PAGE_EVENTS, Page, ReadFrom};
use presence_core::broker::{Event, EventId, EventKind, KEYS_FOR, Missed, Publish, Published, Retention};
use presence_core::{Timestamp, random};
use std::collections::{HashMap, VecDeque};
use std::sync::Arc;

/// Estimated bytes of an event without its payload, and of a channel without its events.
const EVENT_BYTES: usize = 160;
pub(super) const CHANNEL_BYTES: usize = 512;

/// The history of one channel, with one incarnation. After it has expired or was removed, a new
/// history with another incarnation begins.
#[derive(Debug)]
pub(super) struct History {
    incarnation: u64,
    /// Number of the newest event.
    number: u64,
    /// Number of the newest event that was trimmed.
    trimmed: u64,
    events: VecDeque<(Event, Option<Arc<str>>)>,
    /// The event that used each key.
    keys: HashMap<Arc<str>, u64>,
    /// Keys of trimmed events that are still kept, with the times of their events.
    late: VecDeque<(Timestamp, Arc<str>)>,
    closed: bool,
    /// Bytes of all payloads.
    payloads: usize,
    /// Bytes of the whole history.
    pub(super) bytes: usize,
}

impl History {
    pub(super) fn new() -> Self {
        Self {
            incarnation: random::u64(),
            number: 0,
            trimmed: 0,
            events: VecDeque::new(),
            keys: HashMap::new(),
            late: VecDeque::new(),
            closed: false,
            payloads: 0,
            bytes: CHANNEL_BYTES,
        }
    }

    fn id(&self, number: u64) -> EventId {
        EventId { incarnation: self.incarnation, number }
    }

    pub(super) fn publish(
        &mut self,
        message: Publish,
        now: Timestamp,
        retention: &Retention,
    ) -> (Published, Option<Event>) {
        self.trim(now, retention);
        if let Some(&number) = message.key.as_deref().and_then(|key| self.keys.get(key)) {
            return (Published::Repeated(self.id(number)), None);
        }
        if self.closed {
            return (Published::Closed(self.id(self.number)), None);
        }
        self.number += 1;
        self.closed = message.kind == EventKind::Last;
        let id = self.id(self.number);
        let event = Event::new(id, message.channel, message.payload, now).of_kind(message.kind);
        let key: Option<Arc<str>> = message.key.map(Arc::from);
        if let Some(key) = &key {
            self.bytes += cost(key);
            self.keys.insert(Arc::clone(key), self.number);
        }
        self.payloads += event.payload.len();
        self.bytes += event.payload.len() + EVENT_BYTES;
        self.events.push_back((event.clone(), key));
        self.trim(now, retention);
        (Published::Stored(id), Some(event))
    }

    /// Drops the oldest events beyond the limits, and keys that need not be kept any more.
    pub(super) fn trim(&mut self, now: Timestamp, retention: &Retention) {
        while let Some((event, _)) = self.events.front() {
            let within = self.events.len() <= retention.count
                && self.payloads <= retention.bytes
                && now.since(event.at) < retention.age;
            if within {
                break;
            }
            let Some((event, key)) = self.events.pop_front() else { break };
            self.trimmed = event.id.number;
            self.payloads -= event.payload.len();
            self.bytes -= event.payload.len() + EVENT_BYTES;
            self.late.extend(key.map(|key| (event.at, key)));
        }
        while self.late.front().is_some_and(|(at, _)| now.since(*at) >= KEYS_FOR) {
            let Some((_, key)) = self.late.pop_front() else { break };
            self.bytes -= cost(&key);
            self.keys.remove(&key);
        }
    }

    /// Drops keys of trimmed events, oldest first, until `excess` bytes are free.
    pub(super) fn forget_keys(&mut self, excess: usize) {
        let enough = self.bytes.saturating_sub(excess);
        while self.bytes > enough {
            let Some((_, key)) = self.late.pop_front() else { break };
            self.bytes -= cost(&key);
            self.keys.remove(&key);
        }
    }

    pub(super) fn newest(&self, count: usize) -> Vec<Event> {
        let skipped = self.events.len().saturating_sub(count);
        self.events.iter().skip(skipped).map(|(event, _)| event.clone()).collect()
    }

    pub(super) fn read(&self, from: ReadFrom) -> Page {
        let position = Some(self.id(self.number));
        let (missed, first) = match from {
            ReadFrom::Beginning => ((self.trimmed > 0).then_some(Missed::Trimmed), 0),
            ReadFrom::After(id) if id.incarnation != self.incarnation || id.number > self.number => {
                (Some(Missed::Incarnation), 0)
            }
            ReadFrom::After(id) => {
                ((id.number < self.trimmed).then_some(Missed::Trimmed), self.index(id.number))
            }
            ReadFrom::Last(count) => (None, self.events.len().saturating_sub(count)),
        };
        let (mut bytes, mut events) = (0, Vec::new());
        for (event, _) in self.events.iter().skip(first) {
            bytes += event.payload.len();
            if events.len() == PAGE_EVENTS || (!events.is_empty() && bytes > PAGE_BYTES) {
                break;
            }
            events.push(event.clone());
        }
        let more = first + events.len() < self.events.len();
        let position = events.last().map(|event| event.id).or(position);
        Page { missed, events, position, more }
    }

    /// The index of the first event after a number; the numbers of this history increase by one.
    fn index(&self, number: u64) -> usize {
        usize::try_from(number.saturating_sub(self.trimmed)).unwrap_or(usize::MAX)
    }
}

fn cost(key: &str) -> usize {
    2 * key.len() + 64
}
