//! `Wakers`: the wakers of tasks that wait for a room.

use std::task::{Context, Waker};

/// One place for each subscriber, so that a task that is polled again is not registered twice.
#[derive(Debug, Default)]
pub(super) struct Wakers {
    places: Vec<Place>,
    /// Places whose subscriber was dropped.
    free: Vec<u32>,
    /// Places that registered since the last wake-up.
    waiting: Vec<u32>,
}

#[derive(Debug, Default)]
struct Place {
    waker: Option<Waker>,
    /// Whether the place is in `waiting`; it may be freed meanwhile.
    listed: bool,
}

impl Wakers {
    /// Adds a place for a subscriber.
    pub(super) fn enter(&mut self) -> u32 {
        self.free.pop().unwrap_or_else(|| {
            self.places.push(Place::default());
            u32::try_from(self.places.len() - 1).unwrap_or(u32::MAX)
        })
    }

    /// Frees a place.
    pub(super) fn leave(&mut self, place: u32) {
        if let Some(freed) = self.places.get_mut(place as usize) {
            freed.waker = None;
            self.free.push(place);
        }
    }

    /// Registers a task to be woken by the next [`take`](Self::take).
    pub(super) fn wait(&mut self, place: u32, context: &Context<'_>) {
        let Some(waiting) = self.places.get_mut(place as usize) else { return };
        match &mut waiting.waker {
            Some(waker) => waker.clone_from(context.waker()),
            None => waiting.waker = Some(context.waker().clone()),
        }
        if !std::mem::replace(&mut waiting.listed, true) {
            self.waiting.push(place);
        }
    }

    /// Takes all registered wakers, to be woken once no lock is held.
    pub(super) fn take(&mut self) -> Vec<Waker> {
        let mut woken = Vec::with_capacity(self.waiting.len());
        for place in self.waiting.drain(..) {
            if let Some(place) = self.places.get_mut(place as usize) {
                place.listed = false;
                woken.extend(place.waker.take());
            }
        }
        woken
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_waker_is_registered_once_and_not_after_its_place_is_freed() {
        let mut wakers = Wakers::default();
        let context = Context::from_waker(Waker::noop());
        let (a, b) = (wakers.enter(), wakers.enter());
        wakers.wait(a, &context);
        wakers.wait(a, &context);
        wakers.wait(b, &context);
        wakers.leave(b);
        assert_eq!(wakers.take().len(), 1);
        assert_eq!(wakers.take().len(), 0);
        for _ in 0..100 {
            let place = wakers.enter();
            wakers.wait(place, &context);
            wakers.leave(place);
        }
        assert_eq!((wakers.places.len(), wakers.waiting.len()), (2, 1));
    }
}
