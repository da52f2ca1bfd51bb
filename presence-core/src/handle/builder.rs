//! How a `Presence` comes to be.
use super::Presence;
use crate::liveness::{InvalidPolicy, Policy};
use crate::store::PresenceStore;
use crate::time::Clock;
use std::sync::Arc;

/// Settings of a [`Presence`], each with a default that suits most hosts.
pub struct Builder {
    pub(super) store: Arc<dyn PresenceStore>,
}

impl Builder {
    /// The windows. Default [`Policy::default`].
    pub fn policy(self, policy: Policy) -> Self {
        let _ = policy;
        todo!()
    }
    /// The process's clock. Default [`SystemClock`](crate::SystemClock).
    pub fn clock(self, clock: impl Clock) -> Self {
        let _ = clock;
        todo!()
    }
    /// The label of this process in node names. Default `node`.
    pub fn label(self, label: impl Into<String>) -> Self {
        let _ = label.into();
        todo!()
    }
    /// How many sessions this process's roster may hold before new ones are refused. Default 4,000,000.
    pub fn max_sessions(self, max: usize) -> Self {
        let _ = max;
        todo!()
    }
    /// Starts. Needs a tokio runtime.
    ///
    /// # Errors
    /// [`InvalidPolicy`].
    pub fn start(self) -> Result<Presence, InvalidPolicy> {
        todo!()
    }
}
