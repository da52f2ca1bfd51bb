//! The background tasks of a `Presence`, one file each.

pub(super) mod feed;
pub(super) mod heartbeat;
pub(super) mod outbox;
pub(super) mod sweep;

use super::shared::Shared;
use crate::random;
use std::sync::Arc;
use std::time::Duration;
use tokio::task::JoinHandle;

/// Starts all tasks. They hold only `shared`, not the handle, so that dropping the last handle can
/// end them.
pub(super) fn start(shared: &Arc<Shared>) -> Vec<JoinHandle<()>> {
    let notify = |notify: fn(&Shared)| {
        let shared = Arc::downgrade(shared);
        move || {
            if let Some(shared) = shared.upgrade() {
                notify(&shared);
            }
        }
    };
    shared.roster.on_change(notify(|shared| shared.changed.notify_one()));
    shared.roster.on_due(notify(|shared| shared.due.notify_one()));
    vec![
        tokio::spawn(feed::run(Arc::clone(shared))),
        tokio::spawn(sweep::run(Arc::clone(shared))),
        tokio::spawn(heartbeat::run(Arc::clone(shared))),
        tokio::spawn(outbox::run(Arc::clone(shared))),
        tokio::spawn(publish(Arc::clone(shared))),
    ]
}

/// Publishes changes to watches as soon as there are any; those that come meanwhile share one diff.
async fn publish(shared: Arc<Shared>) {
    loop {
        shared.changed.notified().await;
        shared.roster.publish();
        tokio::task::yield_now().await;
    }
}

/// Half of the first delay between attempts.
const FIRST_RETRY: Duration = Duration::from_millis(50);

/// Delays between attempts: none at first, then from 100 ms on, with [`random::backoff`].
pub(super) struct Backoff {
    attempts: u32,
    max: Duration,
}

impl Backoff {
    pub fn up_to(max: Duration) -> Self {
        Self { attempts: 0, max }
    }

    pub async fn wait(&mut self) {
        if self.attempts == 0 {
            tokio::task::yield_now().await;
        } else {
            tokio::time::sleep(random::backoff(self.attempts, FIRST_RETRY, self.max)).await;
        }
        self.attempts += 1;
    }

    pub fn reset(&mut self) {
        self.attempts = 0;
    }
}
