//! The rooms of a gateway.

use super::room::Room;
use super::{Protocol, Settings};
use crate::Error;
use parking_lot::Mutex;
use presence_core::{Presence, Topic};
use std::collections::HashMap;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::sync::{Arc, Weak};

/// The rooms of one gateway, each for as long as somebody is in it.
pub(super) struct Rooms {
    presence: Presence,
    protocol: Arc<dyn Protocol>,
    settings: Arc<Settings>,
    map: Mutex<Map>,
    /// How many there are.
    open: Arc<AtomicUsize>,
}

/// Counts a room for as long as it is there.
pub(super) struct Counted(Arc<AtomicUsize>);

impl Drop for Counted {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Relaxed);
    }
}

#[derive(Default)]
struct Map {
    rooms: HashMap<Key, Weak<Room>>,
    /// At how many entries those without a room are removed.
    sweep_at: usize,
}

/// A topic, or everybody; and whether only counts are wanted.
pub(super) type Key = (Option<Topic>, bool);

impl Rooms {
    pub(super) fn new(presence: &Presence, protocol: Arc<dyn Protocol>, settings: Arc<Settings>) -> Self {
        let (map, open) = (Mutex::default(), Arc::default());
        Self { presence: presence.clone(), protocol, settings, map, open }
    }

    /// The room of a topic. Its first member pays for looking at everybody in it.
    ///
    /// # Errors
    /// 503 `full` where it would be one room too many.
    pub(super) fn room(&self, topic: Option<&Topic>, counts: bool) -> Result<Arc<Room>, Error> {
        let key = (topic.cloned(), counts);
        let room = {
            let mut map = self.map.lock();
            if let Some(room) = map.rooms.get(&key).and_then(Weak::upgrade) {
                room
            } else {
                // Rooms are made under this lock only.
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
        // Not under the lock of all rooms.
        room.begin();
        Ok(room)
    }
}
