//! The histories of all channels, within one budget of bytes.

use super::history::History;
use presence_core::Timestamp;
use presence_core::broker::hub::{Page, ReadFrom};
use presence_core::broker::{Channel, Event, Missed, Publish, Published, Retention};
use std::collections::{BTreeMap, HashMap};

#[derive(Debug)]
pub(super) struct Histories {
    retention: Retention,
    budget: usize,
    channels: HashMap<Channel, Entry>,
    /// Channels by the time of their newest event; those with equal times in order of arrival.
    by_age: BTreeMap<Age, Channel>,
    published: u64,
    bytes: usize,
    swept: bool,
}

type Age = (Timestamp, u64);

#[derive(Debug)]
struct Entry {
    history: History,
    age: Age,
}

impl Histories {
    pub(super) fn new(retention: Retention, budget: usize) -> Self {
        Self {
            retention,
            budget,
            channels: HashMap::new(),
            by_age: BTreeMap::new(),
            published: 0,
            bytes: 0,
            swept: false,
        }
    }

    pub(super) fn len(&self) -> usize {
        self.channels.len()
    }

    pub(super) fn bytes(&self) -> usize {
        self.bytes
    }

    /// Publishes a message; returns the event if it was stored.
    pub(super) fn publish(&mut self, message: Publish, now: Timestamp) -> (Published, Option<Event>) {
        self.expire(now);
        let channel = message.channel.clone();
        self.published += 1;
        let age = (now, self.published);
        let entry = self.channels.entry(channel.clone()).or_insert_with(|| {
            let history = History::new();
            self.bytes += history.bytes;
            Entry { history, age }
        });
        self.bytes -= entry.history.bytes;
        let published = entry.history.publish(message, now, &self.retention);
        self.bytes += entry.history.bytes;
        if published.1.is_some() {
            self.by_age.remove(&entry.age);
            entry.age = age;
            self.by_age.insert(age, channel);
        }
        self.keep_to_budget();
        published
    }

    /// Drops histories until the budget is met. The last remaining channel keeps its history, which
    /// has its own limits, but not the keys of its trimmed events.
    fn keep_to_budget(&mut self) {
        while self.bytes > self.budget && self.channels.len() > 1 {
            self.drop_oldest();
        }
        let excess = self.bytes.saturating_sub(self.budget);
        if excess > 0
            && let Some(entry) = self.channels.values_mut().next()
        {
            self.bytes -= entry.history.bytes;
            entry.history.forget_keys(excess);
            self.bytes += entry.history.bytes;
        }
    }

    fn drop_oldest(&mut self) {
        if let Some((_, channel)) = self.by_age.pop_first()
            && let Some(entry) = self.channels.remove(&channel)
        {
            self.bytes -= entry.history.bytes;
        }
    }

    /// Drops expired histories. A history expires with its newest event.
    fn expire(&mut self, now: Timestamp) {
        while let Some((&(at, _), _)) = self.by_age.first_key_value() {
            if now.since(at) < self.retention.age {
                break;
            }
            self.drop_oldest();
        }
        if self.channels.capacity() > 4 * self.channels.len() + 64 {
            self.channels.shrink_to(2 * self.channels.len());
        }
    }

    pub(super) fn remove(&mut self, channel: &Channel) {
        if let Some(entry) = self.channels.remove(channel) {
            self.bytes -= entry.history.bytes;
            self.by_age.remove(&entry.age);
        }
    }

    fn trimmed(&mut self, channel: &Channel, now: Timestamp) -> Option<&History> {
        self.expire(now);
        let entry = self.channels.get_mut(channel)?;
        self.bytes -= entry.history.bytes;
        entry.history.trim(now, &self.retention);
        self.bytes += entry.history.bytes;
        Some(&entry.history)
    }

    pub(super) fn newest(&mut self, channel: &Channel, count: usize, now: Timestamp) -> Vec<Event> {
        self.trimmed(channel, now).map_or_else(Vec::new, |history| history.newest(count))
    }

    pub(super) fn read(&mut self, channel: &Channel, from: ReadFrom, now: Timestamp) -> Page {
        let nothing = || Page {
            missed: matches!(from, ReadFrom::After(_)).then_some(Missed::Incarnation),
            ..Page::default()
        };
        self.trimmed(channel, now).map_or_else(nothing, |history| history.read(from))
    }

    /// Whether the caller must start a sweeper; it counts as running from then on.
    pub(super) fn needs_sweeper(&mut self) -> bool {
        !self.channels.is_empty() && !std::mem::replace(&mut self.swept, true)
    }

    /// Drops expired histories; returns when to sweep next, `None` to end the sweeper.
    pub(super) fn sweep(&mut self, now: Timestamp) -> Option<Timestamp> {
        self.expire(now);
        let next = self.by_age.first_key_value().map(|(&(at, _), _)| at + self.retention.age);
        self.swept = next.is_some();
        next
    }
}
