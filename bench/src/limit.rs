//! The smallest possible cost, as a comparison.

use crate::cpu;
use crate::people::{self, Key, Order};
use hashbrown::HashMap;
use presence_core::{SessionKey, Timestamp};
use std::hint::black_box;

/// A plain map from key to the time of the last beat: without expiry, index or lock.
pub struct Map(HashMap<Box<str>, u64, foldhash::fast::RandomState>);

impl Map {
    pub fn of(people: usize) -> Self {
        Self((0..people).map(|person| (Key::of(person).as_str().into(), 0)).collect())
    }

    /// Nanoseconds of processor time for one overwritten value.
    pub fn overwrite(&mut self, order: &mut Order, beats: usize, time: &mut u64) -> f64 {
        cpu::of(|| self.beat(order, beats, time)) as f64 / beats as f64
    }

    /// Overwrites this many values.
    pub fn beat(&mut self, order: &mut Order, beats: usize, time: &mut u64) {
        let people = self.0.len();
        for _ in 0..beats {
            *time += 1;
            let key = Key::of(order.next(people));
            if let Some(value) = self.0.get_mut(key.as_str()) {
                *value = *time;
            }
        }
        black_box(&self.0);
    }
}

/// A plain map from the ids of a session, which are validated and compared as those of a beat are,
/// to the two times that a beat renews.
pub struct Sessions(HashMap<SessionKey, [Timestamp; 2], foldhash::fast::RandomState>);

impl Sessions {
    pub fn of(people: usize, now: Timestamp) -> Self {
        Self((0..people).map(|person| (people::session(person), [now; 2])).collect())
    }

    /// Overwrites the times of a session.
    pub fn beat(&mut self, person: usize, now: Timestamp) {
        if let Some(times) = self.0.get_mut(&people::session(person)) {
            *times = [now; 2];
        }
    }
}
