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

/// Starts all tasks. They refer only to `shared` and not to the handle, so that dropping the last
/// handle ends them.
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

/// Publishes changes to watches as soon as there are any. Changes that occur meanwhile are combined
/// into the next diff.
async fn publish(shared: Arc<Shared>) {
    loop {
        shared.changed.notified().await;
        shared.roster.publish();
        tokio::task::yield_now().await;
    }
}

/// The base of [`random::backoff`]: half of the first delay between attempts.
const FIRST_RETRY: Duration = Duration::from_millis(50);

/// Delays between attempts: none before the second attempt, then from 100 ms on, as
/// [`random::backoff`] computes them.
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
