//! A small in-process broker with separate handles, for the tests of this crate. It is simple, and
//! slow with many channels.

use crate::broker::hub::{Backend, Hub, Interest, PAGE_BYTES, PAGE_EVENTS, Page, ReadFrom, WeakHub};
use crate::broker::{
    Broker, Channel, Delivery, Event, EventId, EventKind, KEYS_FOR, Missed, Publish, Published, Retention,
    Start, check_payload,
};
use crate::store::{Error, Kind, Result};
use crate::time::{Clock, ManualClock, Timestamp};
use async_trait::async_trait;
use bytes::Bytes;
use futures_util::stream::BoxStream;
use parking_lot::Mutex;
use std::collections::HashMap;
use std::sync::Arc;

/// A server within this process. Each handle behaves like that of a separate process.
#[derive(Clone)]
pub struct ReferenceServer {
    clock: ManualClock,
    state: Arc<Mutex<State>>,
}

#[derive(Default)]
struct State {
    /// Keyed by namespace and channel.
    histories: HashMap<(String, Channel), History>,
    /// The hub of each handle, with its namespace.
    hubs: Vec<(String, WeakHub)>,
    incarnations: u64,
    down: bool,
    silent: bool,
}

#[derive(Default)]
struct History {
    incarnation: u64,
    number: u64,
    trimmed: u64,
    events: Vec<Event>,
    keys: HashMap<Box<str>, (EventId, Timestamp)>,
    closed: Option<EventId>,
}

/// A handle of a [`ReferenceServer`].
#[derive(Clone)]
pub struct ReferenceBroker {
    backend: Arc<Handle>,
    hub: Hub,
}

struct Handle {
    server: ReferenceServer,
    namespace: String,
    retention: Retention,
}

impl ReferenceServer {
    /// An empty server on this clock.
    pub fn new(clock: ManualClock) -> Self {
        Self { clock, state: Arc::default() }
    }

    /// A handle, as another process would open it.
    pub fn open(&self, namespace: &str, retention: Retention) -> ReferenceBroker {
        let handle = Handle { server: self.clone(), namespace: namespace.to_owned(), retention };
        let backend = Arc::new(handle);
        let hub = Hub::new(Arc::clone(&backend) as Arc<dyn Backend>);
        self.state.lock().hubs.push((namespace.to_owned(), hub.downgrade()));
        ReferenceBroker { backend, hub }
    }

    /// Makes the server unreachable.
    pub fn go_down(&self) {
        self.state.lock().down = true;
    }

    /// Makes the server accept calls without announcing anything.
    pub fn fall_silent(&self) {
        self.state.lock().silent = true;
    }

    /// Makes the server announce again; handles must read what they missed.
    pub fn come_back(&self) {
        self.state.lock().silent = false;
        for (_, hub) in self.hubs() {
            hub.interrupted();
        }
    }

    /// Loses all data.
    pub fn lose_data(&self) {
        self.state.lock().histories.clear();
    }

    fn hubs(&self) -> Vec<(String, Hub)> {
        let state = self.state.lock();
        state.hubs.iter().filter_map(|(name, hub)| Some((name.clone(), hub.upgrade()?))).collect()
    }
}

impl History {
    fn trim(&mut self, now: Timestamp, retention: &Retention) {
        let mut bytes: usize = self.events.iter().map(|event| event.payload.len()).sum();
        while let Some(event) = self.events.first() {
            let old = now.since(event.at) >= retention.age;
            if !old && self.events.len() <= retention.count && bytes <= retention.bytes {
                break;
            }
            bytes -= event.payload.len();
            self.trimmed = self.events.remove(0).id.number;
        }
        let oldest = self.trimmed;
        self.keys.retain(|_, (id, at)| id.number > oldest || now.since(*at) < KEYS_FOR);
    }
}

impl Handle {
    /// Calls `answer` with the state, if the server is reachable.
    fn ask<T>(
        &self,
        answer: impl FnOnce(&mut State, (String, Channel), Timestamp) -> T,
        channel: &Channel,
    ) -> Result<T> {
        let now = self.server.clock.now();
        let mut state = self.server.state.lock();
        if state.down {
            return Err(Error::new(Kind::Unavailable, "the server is down"));
        }
        let key = (self.namespace.clone(), channel.clone());
        if let Some(history) = state.histories.get_mut(&key) {
            history.trim(now, &self.retention);
            if history.events.is_empty() {
                state.histories.remove(&key);
            }
        }
        Ok(answer(&mut state, key, now))
    }

    /// Announces a delivery to all handles.
    fn announce(&self, channel: &Channel, delivery: &Delivery, previous: Option<u64>) {
        for (namespace, hub) in self.server.hubs() {
            if namespace != self.namespace || self.server.state.lock().silent {
                continue;
            }
            match delivery {
                Delivery::Event(event) => hub.stored(event.clone(), previous),
                Delivery::Signal { payload, .. } => hub.signal(channel, payload.clone()),
                Delivery::Missed(_) | Delivery::Position(_) => continue,
            };
            hub.by_prefix(channel, delivery);
        }
    }
}

#[async_trait]
impl Backend for Handle {
    async fn open(&self, interest: &Interest) -> Result<()> {
        let channel = match interest {
            Interest::Channel(channel) => channel.clone(),
            Interest::Prefix(_) => {
                return if self.server.state.lock().down {
                    Err(Error::new(Kind::Unavailable, "the server is down"))
                } else {
                    Ok(())
                };
            }
        };
        self.ask(|_, _, _| (), &channel)
    }

    fn close(&self, _interest: &Interest) {}

    async fn read(&self, channel: &Channel, from: ReadFrom) -> Result<Page> {
        self.ask(
            |state, key, _| {
                let gone = matches!(from, ReadFrom::After(_)).then_some(Missed::Incarnation);
                let Some(history) = state.histories.get(&key) else {
                    return Page { missed: gone, ..Page::default() };
                };
                let stored = &history.events;
                let (missed, first) = match from {
                    ReadFrom::Beginning => ((history.trimmed > 0).then_some(Missed::Trimmed), 0),
                    ReadFrom::After(id) if id.incarnation != history.incarnation => (gone, 0),
                    ReadFrom::After(id) => {
                        let missed = (id.number < history.trimmed).then_some(Missed::Trimmed);
                        (missed, stored.partition_point(|event| event.id.number <= id.number))
                    }
                    ReadFrom::Last(count) => (None, stored.len().saturating_sub(count)),
                };
                let mut bytes = 0;
                let fits = |event: &&Event| {
                    bytes += event.payload.len();
                    bytes <= PAGE_BYTES
                };
                let events: Vec<_> =
                    stored[first..].iter().take(PAGE_EVENTS).take_while(fits).cloned().collect();
                let newest = EventId { incarnation: history.incarnation, number: history.number };
                let more = first + events.len() < stored.len();
                let position = Some(events.last().map_or(newest, |event| event.id));
                Page { missed, events, position, more }
            },
            channel,
        )
    }
}

#[async_trait]
impl Broker for ReferenceBroker {
    async fn publish(&self, message: Publish) -> Result<Published> {
        message.check()?;
        let Publish { channel, payload, key, kind } = message;
        let published = self.backend.ask(
            |state, place, now| {
                state.incarnations += 1;
                let incarnation = state.incarnations;
                let new = || History { incarnation, ..History::default() };
                let history = state.histories.entry(place).or_insert_with(new);
                if let Some((id, _)) = key.as_ref().and_then(|key| history.keys.get(key)) {
                    return (Published::Repeated(*id), None);
                }
                if let Some(id) = history.closed {
                    return (Published::Closed(id), None);
                }
                let previous = history.number;
                history.number += 1;
                let id = EventId { incarnation: history.incarnation, number: history.number };
                let event = Event::new(id, channel.clone(), payload, now).of_kind(kind);
                history.closed = (kind == EventKind::Last).then_some(id);
                history.keys.extend(key.map(|key| (key, (id, now))));
                history.events.push(event.clone());
                history.trim(now, &self.backend.retention);
                (Published::Stored(id), Some((event, previous)))
            },
            &channel,
        )?;
        if let (_, Some((event, previous))) = &published {
            self.backend.announce(&channel, &Delivery::Event(event.clone()), Some(*previous));
        }
        Ok(published.0)
    }

    async fn signal(&self, channel: &Channel, payload: Bytes) -> Result<()> {
        check_payload(&payload)?;
        self.ping().await?;
        self.backend.announce(channel, &Delivery::Signal { channel: channel.clone(), payload }, None);
        Ok(())
    }

    fn subscribe(&self, channel: &Channel, from: Start) -> BoxStream<'static, Delivery> {
        self.hub.subscribe(channel, from)
    }

    fn subscribe_prefix(&self, prefix: &str) -> BoxStream<'static, Delivery> {
        self.hub.subscribe_prefix(prefix)
    }

    async fn history(&self, channel: &Channel, count: usize) -> Result<Vec<Event>> {
        self.backend.ask(
            |state, key, _| {
                let events = state.histories.get(&key).map_or(&[][..], |history| &history.events);
                events[events.len().saturating_sub(count)..].to_vec()
            },
            channel,
        )
    }

    async fn remove(&self, channel: &Channel) -> Result<()> {
        self.backend.ask(|state, key, _| state.histories.remove(&key), channel).map(drop)
    }

    async fn ping(&self) -> Result<()> {
        self.backend.open(&Interest::Prefix("".into())).await
    }
}
