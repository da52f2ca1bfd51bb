//! A lazy timer wheel: it tells when to *check* a session; what follows is up to the check.
//!
//! A heartbeat does not touch the wheel. It only changes times. When the session is checked, its
//! next change is found to be later, and it is queued again: one check per lease instead of one
//! queue operation per heartbeat. Only a deadline that moves *earlier* is queued at once; the
//! previous item is then obsolete and gets ignored.

use crate::time::Timestamp;
use std::time::Duration;

/// Width of a slot in milliseconds.
const TICK: u64 = 250;
/// Number of slots. What is due later than 64 s is checked early, and queued again.
const SLOTS: u32 = 256;

/// Number of slot widths since the wheel's start. Each session stores the tick of its current item.
pub(crate) type Tick = u32;

/// The tick of a session that is not queued.
pub(crate) const NOT_QUEUED: Tick = Tick::MAX;

pub(crate) struct Wheel {
    started_at: Timestamp,
    /// Last tick whose items were taken out.
    current: Tick,
    slots: Box<[Vec<u32>]>,
    /// Items taken out but not checked yet, with their ticks. They are kept apart from the slots,
    /// so that sessions queued again meanwhile cannot make the loop endless.
    due: Vec<(Tick, u32)>,
}

impl Wheel {
    pub fn new(started_at: Timestamp) -> Self {
        let slots = (0..SLOTS).map(|_| Vec::new()).collect();
        Self { started_at, current: 0, slots, due: Vec::new() }
    }

    fn tick_of(&self, at: Timestamp) -> Tick {
        let ticks = at.since(self.started_at).as_millis() / u128::from(TICK);
        Tick::try_from(ticks).unwrap_or(NOT_QUEUED - 1).min(NOT_QUEUED - 1)
    }

    /// Queues a check of `entry` in `after`, unless its current item is due no later; returns the
    /// tick of the item that is current then.
    ///
    /// The item is never due in the present tick: a session checked too early would be due again at
    /// once, and a loop that runs until nothing is due would not end.
    pub fn queue(&mut self, entry: u32, queued: Tick, now: Timestamp, after: Duration) -> Tick {
        let tick = self.tick_of(now + after).clamp(self.current + 1, self.current + (SLOTS - 1));
        if queued != NOT_QUEUED && queued <= tick {
            return queued;
        }
        self.slots[slot(tick)].push(entry);
        tick
    }

    /// Takes out all items that are due by `now`.
    pub fn turn(&mut self, now: Timestamp) {
        let target = self.tick_of(now).max(self.current);
        // Every item is within one turn of the wheel, whatever the clock does.
        for tick in self.current..=target.min(self.current + (SLOTS - 1)) {
            let items = std::mem::take(&mut self.slots[slot(tick)]);
            self.due.extend(items.into_iter().map(|entry| (tick, entry)));
        }
        self.current = target;
    }

    /// The next item that is due, with its tick. It is obsolete if that is not the tick that the
    /// session stores.
    pub fn next_due(&mut self) -> Option<(Tick, u32)> {
        let next = self.due.pop();
        if next.is_none() && self.due.capacity() > 512 {
            self.due = Vec::new();
        }
        next
    }
}

fn slot(tick: Tick) -> usize {
    (tick % SLOTS) as usize
}
