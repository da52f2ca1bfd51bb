//! A lazy timer wheel: it says when to *look* at an entry, never what is the matter with it.
//!
//! A beat does not touch the wheel. It overwrites times, and when the wheel comes to the entry, the
//! entry's real next change is found to be later, and it is queued again: one look per lease,
//! instead of one queue operation per beat. Only a deadline that moves *earlier* is queued anew;
//! the older item then finds that it is not the current one.

use crate::time::Timestamp;
use std::time::Duration;

/// The width of a slot.
const TICK: u64 = 250;
/// The slots: what is due later than 64 s is looked at earlier, and queued again.
const SLOTS: u32 = 256;

/// The number of a tick since the wheel's start; what an entry remembers of its current item.
pub(crate) type Tick = u32;

/// The tick of an entry that is not queued.
pub(crate) const NOT_QUEUED: Tick = Tick::MAX;

pub(crate) struct Wheel {
    started_at: Timestamp,
    /// The tick up to which (inclusive) items have been taken out.
    current: Tick,
    slots: Box<[Vec<u32>]>,
    /// What has been taken out and not yet been looked at, with the tick it was queued for. It is
    /// detached before it is looked at, so that what is queued again meanwhile cannot make the loop
    /// endless.
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

    /// Queues an entry to be looked at in `after`, unless its current item comes no later than
    /// that; answers the tick of what is now its current item.
    ///
    /// Never in the tick that has been turned to: whatever is looked at too early would be due
    /// again at once, and who turns until nothing is due would not come to an end.
    pub fn queue(&mut self, entry: u32, queued: Tick, now: Timestamp, after: Duration) -> Tick {
        let tick = self.tick_of(now + after).clamp(self.current + 1, self.current + (SLOTS - 1));
        if queued != NOT_QUEUED && queued <= tick {
            return queued;
        }
        self.slots[slot(tick)].push(entry);
        tick
    }

    /// Takes out all that is queued up to `now`.
    pub fn turn(&mut self, now: Timestamp) {
        let target = self.tick_of(now).max(self.current);
        // No item is further away than one turn, whatever the clock does.
        for tick in self.current..=target.min(self.current + (SLOTS - 1)) {
            let items = std::mem::take(&mut self.slots[slot(tick)]);
            self.due.extend(items.into_iter().map(|entry| (tick, entry)));
        }
        self.current = target;
    }

    /// The next entry to look at, with the tick it was queued for: if that is not the entry's
    /// current item, it is to be passed over.
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
