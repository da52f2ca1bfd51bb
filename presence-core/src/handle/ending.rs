//! How a process ends: it drains, tells what it owes, and stops.

use super::{Presence, tasks};
use std::time::Duration;

/// How long clients have to reconnect if a host shuts down without having said it.
const RECONNECT_IN: Duration = Duration::from_secs(10);
/// How long an end in good order may take.
const ENDS_WITHIN: Duration = Duration::from_secs(2);

impl Presence {
    /// Takes no new connections, and says for how long the sessions of the present ones live on, so
    /// that nobody sees anyone leave while their clients reconnect elsewhere. What is dropped from
    /// now on leaves nothing.
    ///
    /// Connections learn of it by [`draining`](Self::draining). Returns once the store knows, or
    /// has not answered 3 times.
    pub async fn drain(&self, reconnect_in: Duration) {
        let node = self.shared.roster.drain(reconnect_in, self.shared.now());
        self.shared.draining.send_replace(Some(reconnect_in));
        for _ in 0..3 {
            if tasks::heartbeat::tell(&self.shared, node.clone()).await.is_ok() {
                return;
            }
        }
        tracing::warn!("the store could not be told that this process drains");
    }

    /// Returns once this process drains, with the time in which clients should reconnect: each at a
    /// random moment of it. Cancel-safe.
    pub async fn draining(&self) -> Duration {
        let mut draining = self.shared.draining.subscribe();
        let said = draining.wait_for(Option::is_some).await.map(|said| *said);
        match said {
            Ok(Some(reconnect_in)) => reconnect_in,
            // The sender lives in `shared`, which we hold.
            _ => std::future::pending().await,
        }
    }

    /// Ends in good order: drains if that has not been done, tells the store what it does not have
    /// yet, ends all subscriptions and stops. Beats and leaves are refused from now on. Takes at
    /// most 2 s, whatever the store does.
    pub async fn shutdown(&self) {
        if tokio::time::timeout(ENDS_WITHIN, self.tell_the_rest()).await != Ok(true) {
            let sessions = self.shared.outbox.len();
            tracing::warn!(sessions, "ending before the store was told everything");
        }
        self.shared.close();
        self.shared.roster.publish();
        self.shared.roster.end();
        self.shared.has_ended.send_replace(true);
        self.tasks.abort();
    }

    /// Returns once [`shutdown`](Self::shutdown) has ended all subscriptions: whatever a host
    /// streams beside them ends then, too, or its server waits for it. Cancel-safe.
    pub async fn ended(&self) {
        // The sender lives in `shared`, which we hold.
        let _ = self.shared.has_ended.subscribe().wait_for(|ended| *ended).await;
    }

    /// Drains if that has not been done, closes, and tells what is owed; answers whether the store
    /// has it all.
    async fn tell_the_rest(&self) -> bool {
        let drains = self.shared.draining.borrow().is_some();
        if !drains {
            self.drain(RECONNECT_IN).await;
        }
        self.shared.close();
        while self.shared.outbox.len() > 0 {
            if tasks::outbox::drain(&self.shared).await.is_err() {
                return false;
            }
        }
        true
    }
}
