//! The end of a process: it drains, empties the outbox, and stops.

use super::Presence;
use crate::handle::tasks;
use std::time::Duration;

/// Time for clients to reconnect if the host shuts down without calling `drain` first.
const RECONNECT_IN: Duration = Duration::from_secs(10);
/// Longest duration of a shutdown.
const ENDS_WITHIN: Duration = Duration::from_secs(2);

impl Presence {
    /// Starts draining: accepts no new connections, and announces for how long the sessions of the
    /// present ones stay alive. So nobody is seen to leave while clients reconnect elsewhere.
    /// Connections that drop from now on cause no leave.
    ///
    /// Connections are notified by [`draining`](Self::draining). Returns once the store has
    /// accepted the announcement, or after three failed attempts.
    ///
    /// ```
    /// # async fn example(presence: presence_core::Presence) -> Result<(), Box<dyn std::error::Error>> {
    /// use std::time::Duration;
    /// presence.drain(Duration::from_secs(10)).await;
    /// # Ok(()) }
    /// ```
    pub async fn drain(&self, reconnect_in: Duration) {
        let node = self.shared.roster.drain(reconnect_in, self.shared.now());
        self.shared.draining.send_replace(Some(reconnect_in));
        for _ in 0..3 {
            if tasks::heartbeat::send(&self.shared, node.clone()).await.is_ok() {
                return;
            }
        }
        tracing::warn!("the store does not know that this process drains");
    }

    /// Returns once this process drains, with the period in which clients should reconnect, each at
    /// a random moment. Cancel-safe.
    ///
    /// ```
    /// # async fn example(presence: presence_core::Presence) -> Result<(), Box<dyn std::error::Error>> {
    /// let reconnect_in = presence.draining().await;
    /// println!("tell the client to reconnect within {reconnect_in:?}");
    /// # Ok(()) }
    /// ```
    pub async fn draining(&self) -> Duration {
        let mut draining = self.shared.draining.subscribe();
        let announced = draining.wait_for(Option::is_some).await.map(|announced| *announced);
        match announced {
            Ok(Some(reconnect_in)) => reconnect_in,
            // The sender is in `shared`, which this handle keeps alive.
            _ => std::future::pending().await,
        }
    }

    /// Shuts down: drains unless that was done before, empties the outbox, ends all subscriptions,
    /// and stops. Heartbeats and leaves are refused from now on. Takes at most 2 s, whatever the
    /// store does.
    ///
    /// ```
    /// # async fn example(presence: presence_core::Presence) -> Result<(), Box<dyn std::error::Error>> {
    /// // Once the server has stopped:
    /// presence.shutdown().await;
    /// # Ok(()) }
    /// ```
    pub async fn shutdown(&self) {
        if tokio::time::timeout(ENDS_WITHIN, self.flush()).await != Ok(true) {
            let sessions = self.shared.outbox.len();
            tracing::warn!(sessions, "shutting down before the store has every change");
        }
        self.shared.close();
        self.shared.roster.publish();
        self.shared.roster.end();
        self.shared.has_ended.send_replace(true);
        self.tasks.abort();
    }

    /// Returns once [`shutdown`](Self::shutdown) has ended all subscriptions. Hosts should then end
    /// their other streams, since a server waits for them. Cancel-safe.
    ///
    /// ```
    /// # async fn example(presence: presence_core::Presence) -> Result<(), Box<dyn std::error::Error>> {
    /// # async fn next_event() {}
    /// tokio::select! {
    ///     () = presence.ended() => {}
    ///     () = next_event() => {}
    /// }
    /// # Ok(()) }
    /// ```
    pub async fn ended(&self) {
        // The sender is in `shared`, which this handle keeps alive.
        let _ = self.shared.has_ended.subscribe().wait_for(|ended| *ended).await;
    }

    /// Drains unless that was done before, refuses further changes, and empties the outbox; returns
    /// whether that succeeded.
    async fn flush(&self) -> bool {
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
