//! Settings of the broker.

use super::foreign::Foreign;
use crate::keys::Namespace;
use presence_core::broker::Retention;
use std::time::Duration;

/// Settings of a [`RedisBroker`](crate::RedisBroker).
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct BrokerOptions {
    /// Whose channels they are. Every process of one service names the same one, every other
    /// service another.
    pub namespace: Namespace,
    /// The bounds of each channel's history. Every process of a namespace should say the same:
    /// whoever publishes trims.
    pub retention: Retention,
    /// How long a call may take before it is given up as
    /// [`Kind::Timeout`](presence_core::store::Kind::Timeout). Default 1 s. More than zero.
    pub call_timeout: Duration,
    /// How long an attempt to connect may take. Default 800 ms. More than zero, and less than
    /// `call_timeout`.
    pub connect_timeout: Duration,
    /// Pub/sub channels that other services use; see [`foreign`](Self::foreign). Default none.
    pub(crate) foreign: Vec<Foreign>,
}

impl BrokerOptions {
    /// The defaults, in this namespace.
    pub fn new(namespace: Namespace) -> Self {
        Self {
            namespace,
            retention: Retention::default(),
            call_timeout: Duration::from_secs(1),
            connect_timeout: Duration::from_millis(800),
            foreign: Vec::new(),
        }
    }

    /// Histories within these bounds.
    pub fn retention(self, retention: Retention) -> Self {
        Self { retention, ..self }
    }

    /// Takes part in the plain pub/sub channels of other services.
    pub fn foreign(mut self, foreign: Foreign) -> Self {
        self.foreign.push(foreign);
        self
    }
}
