//! The store's time, and whether the view is fresh.

use parking_lot::Mutex;
use presence_core::Timestamp;
use presence_core::time::{Blind, ViewClock};

/// The time that the watch has proven for each shard.
pub struct Sight(Mutex<Vec<Shard>>);

struct Shard {
    clock: ViewClock,
    /// Whether this watch has reported the whole content of the shard.
    synced: bool,
}

impl Sight {
    pub fn new(shards: u16) -> Self {
        // Statuses end at a fixed time and do not age, so blind stretches are not left out.
        let blind = || Shard { clock: ViewClock::default(), synced: false };
        Self(Mutex::new((0..shards.max(1)).map(|_| blind()).collect()))
    }

    /// The watch has ended: changes may be missed from now on.
    pub fn lost(&self) {
        self.0.lock().iter_mut().for_each(|shard| shard.synced = false);
    }

    pub fn synced(&self, shard: u16) {
        if let Some(shard) = self.0.lock().get_mut(usize::from(shard)) {
            shard.synced = true;
        }
    }

    /// The shard has accepted a write at its time `at`; `on` is the process's time.
    pub fn prove(&self, shard: u16, at: Timestamp, blind: &[Blind], on: Timestamp) {
        if let Some(shard) = self.0.lock().get_mut(usize::from(shard)) {
            shard.clock.prove(at, on, blind);
        }
    }

    /// The time until the next proof of the shard is virtual, and skipped.
    pub fn skip(&self, shard: u16) {
        if let Some(shard) = self.0.lock().get_mut(usize::from(shard)) {
            shard.clock.skip();
        }
    }

    /// A proof of the shard's time has failed.
    pub fn falter(&self, shard: u16) {
        if let Some(shard) = self.0.lock().get_mut(usize::from(shard)) {
            shard.clock.interrupt();
        }
    }

    pub fn is_stale(&self, on: Timestamp) -> bool {
        self.0.lock().iter().any(|shard| !shard.synced || !shard.clock.view(on).is_fresh())
    }

    /// The current time of a shard, reckoned by the process; `None` before its first proof.
    pub fn reckon(&self, shard: u16, on: Timestamp) -> Option<Timestamp> {
        self.0.lock().get(usize::from(shard))?.clock.reckon(on)
    }
}
