//! A backend whose announcements a test can lose.

use super::*;

/// A backend that stores events in the process and announces them on demand.
#[derive(Default)]
pub(super) struct Server {
    pub(super) state: Mutex<Stored>,
    pub(super) hub: OnceLock<WeakHub>,
}

#[derive(Default)]
pub(super) struct Stored {
    pub(super) incarnation: u64,
    pub(super) number: u64,
    pub(super) trimmed: u64,
    pub(super) events: Vec<Event>,
    pub(super) opened: HashMap<Interest, usize>,
    pub(super) reads: usize,
    pub(super) down: bool,
}

pub(super) fn channel() -> Channel {
    Channel::new("c").expect("a channel")
}

impl Server {
    pub(super) fn start() -> (Arc<Self>, Hub) {
        let server = Arc::new(Self::default());
        server.state.lock().incarnation = 1;
        let hub = Hub::new(Arc::clone(&server) as Arc<dyn Backend>);
        server.hub.set(hub.downgrade()).expect("set once");
        (server, hub)
    }

    /// Stores an event without announcing it.
    pub(super) fn store(&self, payload: &str) -> (Event, u64) {
        let mut state = self.state.lock();
        let previous = state.number;
        state.number += 10;
        let id = EventId { incarnation: state.incarnation, number: state.number };
        let event = Event::new(id, channel(), Bytes::copy_from_slice(payload.as_bytes()), Timestamp::ZERO);
        state.events.push(event.clone());
        (event, previous)
    }

    pub(super) fn announce(&self, (event, previous): (Event, u64)) {
        self.hub.get().and_then(WeakHub::upgrade).expect("the hub exists").stored(event, Some(previous));
    }

    pub(super) fn publish(&self, payload: &str) {
        self.announce(self.store(payload));
    }

    pub(super) fn lose_data(&self) {
        let mut state = self.state.lock();
        *state = Stored {
            incarnation: state.incarnation + 1,
            opened: std::mem::take(&mut state.opened),
            ..Stored::default()
        };
    }
}

#[async_trait]
impl Backend for Server {
    async fn open(&self, interest: &Interest) -> Result<()> {
        let mut state = self.state.lock();
        if state.down {
            return Err(Error::new(Kind::Unavailable, "down"));
        }
        *state.opened.entry(interest.clone()).or_default() += 1;
        Ok(())
    }

    fn close(&self, interest: &Interest) {
        self.state.lock().opened.remove(interest);
    }

    async fn read(&self, _channel: &Channel, from: ReadFrom) -> Result<Page> {
        let mut state = self.state.lock();
        if state.down {
            return Err(Error::new(Kind::Unavailable, "down"));
        }
        state.reads += 1;
        let head =
            (state.number > 0).then_some(EventId { incarnation: state.incarnation, number: state.number });
        let (mut missed, mut after) = (None, 0);
        match from {
            ReadFrom::Beginning => missed = (state.trimmed > 0).then_some(Missed::Trimmed),
            ReadFrom::After(id) if head.is_none() || id.incarnation != state.incarnation => {
                missed = Some(Missed::Incarnation);
            }
            ReadFrom::After(id) => {
                missed = (id.number < state.trimmed).then_some(Missed::Trimmed);
                after = id.number;
            }
            ReadFrom::Last(count) => {
                let first = state.events.len().saturating_sub(count);
                after = state.events.get(first).map_or(state.number, |event| event.id.number - 1);
            }
        }
        let mut events: Vec<_> = state.events.iter().filter(|e| e.id.number > after).cloned().collect();
        let more = events.len() > PAGE_EVENTS;
        events.truncate(PAGE_EVENTS);
        let position = events.last().map(|event| event.id).or(head);
        Ok(Page { missed, events, position, more })
    }
}
