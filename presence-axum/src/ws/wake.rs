//! A flag for each event source of a connection: whether it has to be polled.

use futures_util::task::AtomicWaker;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Wake, Waker};

/// A flag that is set by the waker of an event source. While it is not set, the source need
/// not be polled.
///
/// A connection waits for a dozen sources, and usually only one of them wakes it. Polling all
/// others would cost more than writing the frame, since the memory of each is no longer
/// in any cache.
pub(super) struct WakeFlag {
    shared: Arc<Shared>,
    /// The waker that the source is polled with.
    waker: Waker,
}

struct Shared {
    is_set: AtomicBool,
    /// The task that polls the source.
    task: AtomicWaker,
}

impl WakeFlag {
    /// The flag starts as set, since a source must be polled once before it can wake a task.
    pub(super) fn new() -> Self {
        let shared = Arc::new(Shared { is_set: AtomicBool::new(true), task: AtomicWaker::new() });
        Self { waker: Waker::from(Arc::clone(&shared)), shared }
    }

    /// Clears the flag and returns the waker to poll the source with, if the flag was set.
    /// Otherwise registers the task of `cx` to be woken once it is set.
    ///
    /// A source that was ready may have more items. A caller that does not poll it until it is
    /// pending must [set](Self::set) the flag again.
    pub(super) fn take(&self, cx: &Context<'_>) -> Option<Waker> {
        self.shared.task.register(cx.waker());
        self.shared.is_set.swap(false, Ordering::AcqRel).then(|| self.waker.clone())
    }

    /// Sets the flag, so that the source is polled at the next poll of the task.
    pub(super) fn set(&self) {
        self.shared.is_set.store(true, Ordering::Release);
    }
}

impl Wake for Shared {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        self.is_set.store(true, Ordering::Release);
        self.task.wake();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures_util::task::noop_waker;

    struct Counts(std::sync::atomic::AtomicUsize);

    impl Wake for Counts {
        fn wake(self: Arc<Self>) {
            self.0.fetch_add(1, Ordering::Relaxed);
        }
    }

    #[test]
    fn a_source_is_polled_at_first_and_then_each_time_it_wakes() {
        let (flag, noop) = (WakeFlag::new(), noop_waker());
        let cx = Context::from_waker(&noop);
        let waker = flag.take(&cx).unwrap();
        assert!(flag.take(&cx).is_none());
        waker.wake_by_ref();
        assert!(flag.take(&cx).is_some() && flag.take(&cx).is_none());
        flag.set();
        assert!(flag.take(&cx).is_some());
    }

    #[test]
    fn the_task_that_polled_last_is_woken() {
        let flag = WakeFlag::new();
        let tasks = [(); 2].map(|()| Arc::new(Counts(0.into())));
        let mut waker = None;
        for task in &tasks {
            let task = Waker::from(Arc::clone(task));
            waker = flag.take(&Context::from_waker(&task)).or(waker);
        }
        waker.unwrap().wake();
        assert_eq!(tasks.map(|task| task.0.load(Ordering::Relaxed)), [0, 1]);
    }

    #[test]
    fn a_source_that_wakes_while_it_is_polled_is_polled_again() {
        let (flag, noop) = (WakeFlag::new(), noop_waker());
        let cx = Context::from_waker(&noop);
        flag.take(&cx).unwrap().wake();
        assert!(flag.take(&cx).is_some());
    }
}
