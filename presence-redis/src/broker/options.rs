//! The settings of a broker.

use super::foreign::Foreign;
use presence_core::broker::Retention;
use presence_core::store::Namespace;
use std::time::Duration;

/// Settings of a [`RedisBroker`](crate::RedisBroker).
///
/// ```
/// use presence_core::broker::Retention;
/// use presence_redis::{BrokerOptions, Namespace};
/// # fn main() -> Result<(), presence_core::store::Error> {
/// let options = BrokerOptions::new(Namespace::new("chat")?).retention(Retention::default().count(200));
/// # let _ = options;
/// # Ok(()) }
/// ```
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct BrokerOptions {
    /// The namespace. All processes of one service use the same namespace; another service uses
    /// another one.
    pub namespace: Namespace,
    /// The bounds of each channel's history. All processes of a namespace should use the same,
    /// since each publish trims the history to the bounds of its process.
    pub retention: Retention,
    /// The timeout of a call, after which it fails as
    /// [`Kind::Timeout`](presence_core::store::Kind::Timeout). Default 1 s. More than zero.
    pub call_timeout: Duration,
    /// The timeout of an attempt to connect. Default 800 ms. More than zero, and
    /// less than `call_timeout`.
    pub connect_timeout: Duration,
    /// The pub/sub channels of other services; see [`foreign`](Self::foreign). Default none.
    pub(crate) foreign: Vec<Foreign>,
}

impl BrokerOptions {
    /// The default settings, in this namespace.
    pub fn new(namespace: Namespace) -> Self {
        Self {
            namespace,
            retention: Retention::default(),
            call_timeout: Duration::from_secs(1),
            connect_timeout: Duration::from_millis(800),
            foreign: Vec::new(),
        }
    }

    /// Exchanges messages with other services on plain pub/sub channels.
    pub fn foreign(mut self, foreign: Foreign) -> Self {
        self.foreign.push(foreign);
        self
    }
}

presence_core::setters! {
    BrokerOptions { retention: Retention, call_timeout: Duration, connect_timeout: Duration }
}
