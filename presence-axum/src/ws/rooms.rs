//! The rooms of a gateway.

use super::room::Room;
use super::{Mode, Protocol, Settings};
use crate::Error;
use parking_lot::Mutex;
use presence_core::{Presence, Topic};
use std::collections::HashMap;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::sync::{Arc, Weak};

/// The rooms of one gateway. A room exists while it has subscribers.
pub(super) struct Rooms {
    presence: Presence,
    protocol: Arc<dyn Protocol>,
    settings: Arc<Settings>,
    map: Mutex<Map>,
    /// The number of rooms.
    open: Arc<AtomicUsize>,
}

/// Counts a room while it exists.
pub(super) struct Counted(Arc<AtomicUsize>);

impl Drop for Counted {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Relaxed);
    }
}

#[derive(Default)]
struct Map {
    rooms: HashMap<Key, Weak<Room>>,
    /// The number of entries at which those without a room are removed.
    sweep_at: usize,
}

/// The topic, or `None` for everybody; and how its users are shown.
pub(super) type Key = (Option<Topic>, Mode);

impl Rooms {
    pub(super) fn new(presence: &Presence, protocol: Arc<dyn Protocol>, settings: Arc<Settings>) -> Self {
        let (map, open) = (Mutex::default(), Arc::default());
        Self { presence: presence.clone(), protocol, settings, map, open }
    }

    /// The room of a topic. Creating it costs a pass over all users of the topic.
    ///
    /// # Errors
    /// 503 `full` if there are already as many rooms as allowed.
    pub(super) fn room(&self, topic: Option<&Topic>, mode: Mode) -> Result<Arc<Room>, Error> {
        let key = (topic.cloned(), mode);
        let room = {
            let mut map = self.map.lock();
            if let Some(room) = map.rooms.get(&key).and_then(Weak::upgrade) {
                room
            } else {
                // Rooms are created only under this lock, so the number cannot grow meanwhile.
                if self.open.load(Relaxed) >= self.settings.rooms {
                    return Err(Error::unavailable("full"));
                }
                self.open.fetch_add(1, Relaxed);
                let counted = Counted(Arc::clone(&self.open));
                if map.rooms.len() >= map.sweep_at {
                    map.rooms.retain(|_, room| room.strong_count() > 0);
                    map.sweep_at = 64.max(2 * map.rooms.len());
                }
                let (presence, protocol) = (self.presence.clone(), Arc::clone(&self.protocol));
                let settings = Arc::clone(&self.settings);
                let room = Arc::new(Room::new(key.clone(), presence, protocol, settings, counted));
                map.rooms.insert(key, Arc::downgrade(&room));
                room
            }
        };
        // Outside the lock, since it may take long.
        room.begin();
        Ok(room)
    }
}
