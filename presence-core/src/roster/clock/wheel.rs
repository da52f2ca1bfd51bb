//! A lazy timer wheel: it holds the times at which sessions must be *checked*.
//!
//! A heartbeat changes only the session's times, not the wheel. When the session is checked, its
//! deadline turns out to be later, and it is queued again. So there is one check per lease instead
//! of one queue operation per heartbeat. Only a deadline that moves *earlier* is queued at once;
//! the session's previous item is then obsolete and is ignored.

use crate::time::Timestamp;
use std::time::Duration;

/// Width of a slot in milliseconds.
const TICK: u64 = 250;
/// Number of slots. A session that is due in more than 64 s is checked early, and queued again.
const SLOTS: u32 = 256;

/// An emptied slot with a greater capacity frees its memory.
const KEPT: usize = 64;

/// Number of ticks since the wheel's start. Each session stores the tick of its current item.
pub(crate) type Tick = u32;

/// The tick of a session that is not queued.
pub(crate) const NOT_QUEUED: Tick = Tick::MAX;

pub(crate) struct Wheel {
    started_at: Timestamp,
    /// Last tick whose items were taken out.
    current: Tick,
    /// Earliest tick that has an item, not counting `due`; `NOT_QUEUED` if none has.
    earliest: Tick,
    slots: Box<[Vec<u32>]>,
    /// Items taken out but not checked yet, with their ticks. They are kept apart from the slots,
    /// so that sessions that are queued again meanwhile do not make the caller's loop endless.
    due: Vec<(Tick, u32)>,
}

impl Wheel {
    pub fn new(started_at: Timestamp) -> Self {
        let slots = (0..SLOTS).map(|_| Vec::new()).collect();
        Self { started_at, current: 0, earliest: NOT_QUEUED, slots, due: Vec::new() }
    }

    /// When the next item is due; [`Timestamp::MAX`] if none is queued.
    pub fn next_at(&self) -> Timestamp {
        match self.earliest {
            _ if !self.due.is_empty() => Timestamp::ZERO,
            NOT_QUEUED => Timestamp::MAX,
            tick => self.started_at + Duration::from_millis(u64::from(tick) * TICK),
        }
    }

    /// The last tick that has begun at `at`.
    fn tick_of(&self, at: Timestamp) -> Tick {
        let ticks = at.as_millis().saturating_sub(self.started_at.as_millis()) / TICK;
        Tick::try_from(ticks).unwrap_or(NOT_QUEUED - 1).min(NOT_QUEUED - 1)
    }

    /// Queues a check of `entry` in `after`, unless its current item (at tick `queued`) is due no
    /// later; returns the tick of the entry's current item.
    ///
    /// The item is never due in the present tick. Otherwise a session that was checked too early
    /// would be due again at once, and a loop that runs until nothing is due would not end.
    pub fn queue(&mut self, entry: u32, queued: Tick, now: Timestamp, after: Duration) -> Tick {
        // The wheel is not turned while nothing is due, so the present tick may have advanced
        // since.
        let present = self.tick_of(now);
        if self.earliest > present {
            self.current = self.current.max(present);
        }
        // Rounded up to the next tick, since a check before its time would find nothing.
        let tick = self.tick_of(now + after + Duration::from_millis(TICK - 1));
        let tick = tick.clamp(self.current + 1, self.current + (SLOTS - 1));
        if queued != NOT_QUEUED && queued <= tick {
            return queued;
        }
        self.slots[slot(tick)].push(entry);
        self.earliest = self.earliest.min(tick);
        tick
    }

    /// Takes out all items that are due by `now`.
    pub fn turn(&mut self, now: Timestamp) {
        let target = self.tick_of(now).max(self.current);
        if self.earliest > target {
            self.current = target;
            return;
        }
        // Every item is within one turn of the wheel, however far the clock advanced.
        let last = self.current + (SLOTS - 1);
        for tick in self.earliest..=target.min(last) {
            let items = &mut self.slots[slot(tick)];
            self.due.extend(items.drain(..).map(|entry| (tick, entry)));
            if items.capacity() > KEPT {
                *items = Vec::new();
            }
        }
        let mut later = target.saturating_add(1)..=last;
        self.earliest = later.find(|&tick| !self.slots[slot(tick)].is_empty()).unwrap_or(NOT_QUEUED);
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
