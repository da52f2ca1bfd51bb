//! The rooms of a gateway.

use super::room::Room;
use super::{Protocol, Settings};
use parking_lot::Mutex;
use presence_core::{Presence, Topic};
use std::collections::HashMap;
use std::sync::{Arc, Weak};

/// The rooms of one gateway, each for as long as somebody is in it.
pub(super) struct Rooms {
    presence: Presence,
    protocol: Arc<dyn Protocol>,
    settings: Arc<Settings>,
    map: Mutex<Map>,
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
        Self { presence: presence.clone(), protocol, settings, map: Mutex::default() }
    }

    /// The room of a topic. Its first member pays for looking at everybody in it.
    pub(super) fn room(&self, topic: Option<&Topic>, counts: bool) -> Arc<Room> {
        let key = (topic.cloned(), counts);
        let room = {
            let mut map = self.map.lock();
            if let Some(room) = map.rooms.get(&key).and_then(Weak::upgrade) {
                room
            } else {
                if map.rooms.len() >= map.sweep_at {
                    map.rooms.retain(|_, room| room.strong_count() > 0);
                    map.sweep_at = 64.max(2 * map.rooms.len());
                }
                let (presence, protocol) = (self.presence.clone(), Arc::clone(&self.protocol));
                let settings = Arc::clone(&self.settings);
                let room = Arc::new(Room::new(key.clone(), presence, protocol, settings));
                map.rooms.insert(key, Arc::downgrade(&room));
                room
            }
        };
        // Not under the lock of all rooms.
        room.begin();
        room
    }
}
