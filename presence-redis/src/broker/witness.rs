//! The newest event of each channel that this process knows to be stored.

use parking_lot::Mutex;
use presence_core::broker::{Channel, EventId};
use std::collections::HashMap;

/// At least this many channels are kept, and at most twice as many.
const CHANNELS: usize = 2_048;

/// The newest event that was acknowledged to this process, per channel: a server that does not have
/// it has lost data.
///
/// Channels are kept in two generations, and a noted channel moves to the young one. When the young
/// generation is full, it replaces the old one, so that channels in use are kept.
#[derive(Debug, Default)]
pub struct Witness(Mutex<[HashMap<Channel, EventId>; 2]>);

impl Witness {
    pub fn of(&self, channel: &Channel) -> Option<EventId> {
        let generations = self.0.lock();
        generations.iter().find_map(|generation| generation.get(channel)).copied()
    }

    pub fn note(&self, channel: &Channel, id: EventId) {
        let mut generations = self.0.lock();
        let [young, old] = &mut *generations;
        if let Some(newest) = young.get_mut(channel) {
            // Concurrent calls are answered in any order, and an answer may repeat an old event.
            if newest.incarnation != id.incarnation || newest.number < id.number {
                *newest = id;
            }
            return;
        }
        let newest = old
            .remove(channel)
            .filter(|newest| newest.incarnation == id.incarnation && newest.number > id.number);
        if young.len() == CHANNELS {
            *old = std::mem::take(young);
        }
        young.insert(channel.clone(), newest.unwrap_or(id));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_newest_event_of_a_used_channel_is_kept_and_the_number_of_channels_is_bounded() {
        let witness = Witness::default();
        let channel = |n: usize| Channel::new(n.to_string()).unwrap();
        let id = |number| EventId { incarnation: 1, number };
        witness.note(&channel(0), id(2));
        witness.note(&channel(0), id(1));
        assert_eq!(witness.of(&channel(0)), Some(id(2)));
        for n in 1..10 * CHANNELS {
            witness.note(&channel(n), id(1));
            witness.note(&channel(0), id(1));
        }
        assert_eq!(witness.of(&channel(0)), Some(id(2)));
        assert!(witness.0.lock().iter().map(HashMap::len).sum::<usize>() <= 2 * CHANNELS);
    }
}
