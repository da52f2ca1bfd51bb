//! What a `Presence` does in the background: one file per task.

pub(super) mod beat;
pub(super) mod feed;
pub(super) mod sweep;
pub(super) mod tell;

use super::inner::Inner;
use std::sync::Arc;
use std::time::Duration;
use tokio::task::JoinHandle;

/// Starts all tasks. They hold `inner` only, so that the last handle's drop can end them.
pub(super) fn start(inner: &Arc<Inner>) -> Vec<JoinHandle<()>> {
    inner.roster.on_change({
        let inner = Arc::downgrade(inner);
        move || {
            if let Some(inner) = inner.upgrade() {
                inner.changed.notify_one();
            }
        }
    });
    vec![
        tokio::spawn(feed::run(Arc::clone(inner))),
        tokio::spawn(sweep::run(Arc::clone(inner))),
        tokio::spawn(beat::run(Arc::clone(inner))),
        tokio::spawn(tell::run(Arc::clone(inner))),
        tokio::spawn(publish(Arc::clone(inner))),
    ]
}

/// Tells watches what has changed, as soon as it has; what changes meanwhile goes into one diff.
async fn publish(inner: Arc<Inner>) {
    loop {
        inner.changed.notified().await;
        inner.roster.publish();
        tokio::task::yield_now().await;
    }
}

/// Waits between attempts: at once, then from 100 ms doubling to a most, with jitter so that
/// processes do not march in step.
pub(super) struct Backoff {
    attempts: u32,
    most: Duration,
}

impl Backoff {
    pub fn up_to(most: Duration) -> Self {
        Self { attempts: 0, most }
    }

    pub async fn wait(&mut self) {
        if self.attempts == 0 {
            tokio::task::yield_now().await;
        } else {
            let full = Duration::from_millis(50 << self.attempts.min(6)).min(self.most);
            tokio::time::sleep(full.mul_f64(0.5 + crate::random::fraction() / 2.0)).await;
        }
        self.attempts += 1;
    }

    pub fn reset(&mut self) {
        self.attempts = 0;
    }
}
