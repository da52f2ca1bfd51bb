//! The link of one handle to the reference store: it can be cut, and it can hang.

use super::{Inner, ReferenceStore};
use crate::conformance::rng::Rng;
use crate::store::{Error, Kind, Result};
use crate::time::Reckoning;
use parking_lot::Mutex;
use std::future::pending;
use std::sync::Arc;
use std::time::Duration;

/// Longest delay of a call and of its answer. Three in ten are delayed by up to this, the others by
/// up to a tenth of it.
const LATE_BY: u64 = 300;

/// State of one handle.
#[derive(Debug)]
pub(super) struct Handle {
    pub(super) reckoning: Reckoning,
    pub(super) link: Mutex<Link>,
}

/// State of a link.
#[derive(Debug, Default, Clone, Copy)]
pub(super) struct Link {
    /// Nothing gets through, and both sides notice.
    pub(super) is_cut: bool,
    /// Nothing gets through, and neither side notices.
    pub(super) is_stalled: bool,
    /// How often the link was cut.
    pub(super) cuts: u64,
}

impl Handle {
    pub(super) fn new(shards: u16) -> Self {
        Self { reckoning: Reckoning::new(shards), link: Mutex::default() }
    }
}

impl ReferenceStore {
    /// A second reference to the same handle. With it, a test can cut the link of the process that
    /// uses the store.
    pub fn share(&self) -> Self {
        Self { inner: Arc::clone(&self.inner), handle: Arc::clone(&self.handle) }
    }

    fn change_link(&self, change: impl FnOnce(&mut Link)) {
        change(&mut self.handle.link.lock());
        self.inner.notify();
    }

    /// Cuts the link of this handle: its feeds end and its calls fail at once, including
    /// those in flight.
    pub fn cut_off(&self) {
        self.change_link(|link| (link.is_cut, link.is_stalled, link.cuts) = (true, false, link.cuts + 1));
    }

    /// Makes the link of this handle hang: nothing gets through, and there is no error. Calls
    /// during that time never return.
    pub fn stall(&self) {
        self.change_link(|link| link.is_stalled = true);
    }

    /// Repairs the link of this handle.
    pub fn reconnect(&self) {
        self.change_link(|link| (link.is_cut, link.is_stalled) = (false, false));
    }

    /// Transfers a call or its answer.
    pub(super) async fn arrives(&self) -> Result<()> {
        let cuts = self.handle.link.lock().cuts;
        if let Some(late) = self.inner.draw_delay() {
            self.inner.clock.sleep_until(self.inner.clock.now() + late).await;
        }
        let mut news = self.inner.news.subscribe();
        loop {
            news.borrow_and_update();
            let link = *self.handle.link.lock();
            if link.is_cut || link.cuts != cuts {
                return Err(Error::new(Kind::Unavailable, "the link is cut"));
            }
            if !link.is_stalled {
                return Ok(());
            }
            // Data sent into a hanging link is lost: only a reset informs the caller.
            loop {
                if news.changed().await.is_err() {
                    return pending().await;
                }
                if self.handle.link.lock().cuts != cuts {
                    break;
                }
            }
        }
    }
}

impl Inner {
    fn draw_delay(&self) -> Option<Duration> {
        let mut state = self.state.lock();
        let rng: &mut Rng = state.plan.delays.as_mut()?;
        let most = if rng.below(10) < 3 { LATE_BY } else { LATE_BY / 10 };
        Some(Duration::from_millis(rng.below(most)))
    }
}
