//! `Ring`: the deliveries of a room that some subscriber has not read yet.

use crate::broker::Delivery;
use std::collections::VecDeque;

/// Most deliveries that are kept for the slowest subscriber of a channel.
pub const RING_ENTRIES: usize = 1_024;
/// Most bytes of payload that are kept for it, unless a single delivery is larger.
pub const RING_BYTES: usize = 1024 * 1024;

/// Deliveries in order. Each is stored once for all readers, and dropped when the last of them has
/// read it.
///
/// A reader has a cursor: the position of the next delivery that it reads. When the ring is full,
/// the oldest delivery is dropped, even if some readers have not read it. Their cursors are then
/// before the first position, and reading fails with [`Overrun`].
#[derive(Debug, Default)]
pub(super) struct Ring {
    slots: VecDeque<Slot>,
    /// The position of the first slot.
    first: u64,
    /// Bytes of payload in all slots.
    bytes: usize,
    /// Number of cursors after the last slot.
    at_end: usize,
}

#[derive(Debug)]
struct Slot {
    delivery: Delivery,
    /// Number of cursors at this slot.
    cursors: usize,
}

/// The error of a reader that was too slow: the delivery at its cursor was dropped.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Overrun;

impl Ring {
    /// Adds a cursor after all present deliveries.
    pub(super) fn enter(&mut self) -> u64 {
        self.at_end += 1;
        self.end()
    }

    fn end(&self) -> u64 {
        self.first + self.slots.len() as u64
    }

    fn index(&self, cursor: u64) -> Option<usize> {
        cursor.checked_sub(self.first).and_then(|index| usize::try_from(index).ok())
    }

    /// Adds a delivery for the present cursors.
    pub(super) fn push(&mut self, delivery: Delivery) {
        self.bytes += size(&delivery);
        self.slots.push_back(Slot { delivery, cursors: std::mem::take(&mut self.at_end) });
        while self.slots.len() > 1 && (self.slots.len() > RING_ENTRIES || self.bytes > RING_BYTES) {
            self.drop_first();
        }
        self.trim();
    }

    /// The delivery at the cursor, which advances; `None` at the end.
    pub(super) fn next(&mut self, cursor: &mut u64) -> Result<Option<Delivery>, Overrun> {
        let index = self.index(*cursor).ok_or(Overrun)?;
        let Some(slot) = self.slots.get_mut(index) else { return Ok(None) };
        slot.cursors -= 1;
        let delivery = slot.delivery.clone();
        match self.slots.get_mut(index + 1) {
            Some(next) => next.cursors += 1,
            None => self.at_end += 1,
        }
        *cursor += 1;
        self.trim();
        Ok(Some(delivery))
    }

    /// Whether the cursor was overrun.
    pub(super) fn has_lost(&self, cursor: u64) -> bool {
        cursor < self.first
    }

    /// Removes a cursor.
    pub(super) fn leave(&mut self, cursor: u64) {
        let Some(index) = self.index(cursor) else { return };
        match self.slots.get_mut(index) {
            Some(slot) => slot.cursors -= 1,
            None => self.at_end -= 1,
        }
        self.trim();
    }

    /// Drops deliveries that all readers have read.
    fn trim(&mut self) {
        while self.slots.front().is_some_and(|slot| slot.cursors == 0) {
            self.drop_first();
        }
        if self.slots.is_empty() && self.slots.capacity() > 16 {
            self.slots.shrink_to(4);
        }
    }

    fn drop_first(&mut self) {
        if let Some(slot) = self.slots.pop_front() {
            self.bytes -= size(&slot.delivery);
            self.first += 1;
        }
    }
}

fn size(delivery: &Delivery) -> usize {
    match delivery {
        Delivery::Event(event) => event.payload.len(),
        Delivery::Signal { payload, .. } => payload.len(),
        Delivery::Missed(_) | Delivery::Position(_) => 0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::broker::Channel;
    use bytes::Bytes;

    fn signal(payload: &str) -> Delivery {
        Delivery::Signal {
            channel: Channel::new("c").expect("a channel"),
            payload: Bytes::copy_from_slice(payload.as_bytes()),
        }
    }

    #[test]
    fn each_reader_reads_each_delivery_once_and_the_last_one_frees_it() {
        let mut ring = Ring::default();
        let (mut a, mut b) = (ring.enter(), ring.enter());
        ring.push(signal("1"));
        ring.push(signal("2"));
        assert_eq!(ring.next(&mut a), Ok(Some(signal("1"))));
        assert_eq!(ring.next(&mut a), Ok(Some(signal("2"))));
        assert_eq!(ring.next(&mut a), Ok(None));
        assert_eq!(ring.slots.len(), 2);
        assert_eq!(ring.next(&mut b), Ok(Some(signal("1"))));
        assert_eq!(ring.slots.len(), 1);
        ring.leave(b);
        assert_eq!((ring.slots.len(), ring.bytes), (0, 0));
        ring.push(signal("3"));
        assert_eq!(ring.next(&mut a), Ok(Some(signal("3"))));
    }

    #[test]
    fn nothing_is_stored_without_readers() {
        let mut ring = Ring::default();
        ring.push(signal("1"));
        let cursor = ring.enter();
        ring.push(signal("2"));
        ring.leave(cursor);
        assert!(ring.slots.is_empty());
    }

    #[test]
    fn only_a_slow_reader_is_overrun() {
        let mut ring = Ring::default();
        let (mut slow, mut quick) = (ring.enter(), ring.enter());
        for _ in 0..=RING_ENTRIES {
            ring.push(signal("x"));
            assert_eq!(ring.next(&mut quick), Ok(Some(signal("x"))));
        }
        assert_eq!(ring.next(&mut slow), Err(Overrun));
        ring.leave(slow);
        assert_eq!(ring.slots.len(), 0);
        assert_eq!(ring.next(&mut quick), Ok(None));
    }

    #[test]
    fn bytes_are_limited_too_but_one_delivery_always_fits() {
        let mut ring = Ring::default();
        let mut reader = ring.enter();
        let large = "x".repeat(RING_BYTES + 1);
        ring.push(signal(&large));
        assert_eq!(ring.next(&mut reader), Ok(Some(signal(&large))));
        ring.push(signal(&large));
        ring.push(signal("y"));
        assert!(ring.has_lost(reader));
        assert_eq!((ring.slots.len(), ring.bytes), (0, 0));
    }
}
