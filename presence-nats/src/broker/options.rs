//! The settings of a broker.

use crate::options::{Storage, check_place};
use presence_core::broker::Retention;
use presence_core::store::Namespace;
use presence_core::store::Result;
use std::time::Duration;

/// Settings of a [`NatsBroker`](crate::NatsBroker).
///
/// ```
/// use presence_core::broker::Retention;
/// use presence_nats::{BrokerOptions, Namespace};
/// # fn main() -> Result<(), presence_core::store::Error> {
/// let options = BrokerOptions::new(Namespace::new("chat")?).retention(Retention::default().count(200));
/// # let _ = options;
/// # Ok(()) }
/// ```
///
/// The settings of the stream (`storage`, `replicas`, `retention`, `max_bytes`) are used when the
/// stream is created. An existing stream is not changed: use the tools of NATS.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct BrokerOptions {
    /// The namespace. All processes that share channels use the same. It may be the namespace
    /// of a store.
    pub namespace: Namespace,
    /// The JetStream domain that holds the events, for a process that is connected to one of its
    /// leaf nodes. Default: none, which is the JetStream of the connected server. Letters, digits,
    /// `-` and `_`.
    pub domain: Option<String>,
    /// Where the server keeps events. Default: [`Storage::File`].
    pub storage: Storage,
    /// The number of servers of a cluster that keep the stream, 1 to 5. Default: 1. Use 3 to
    /// tolerate the loss of one server.
    pub replicas: u8,
    /// The bounds of each channel's history.
    ///
    /// The server keeps an idempotency key in memory for as long as its event may be stored, some
    /// 200 bytes each: with many keys, choose a shorter age. On servers before 2.11, an age shorter
    /// than [`KEYS_FOR`](presence_core::broker::KEYS_FOR) applies to keys as well. When a channel
    /// exceeds its maximum of bytes, its oldest events are removed until seven eighths of the
    /// maximum are left.
    pub retention: Retention,
    /// The maximum size of the stream of all channels, in bytes. Default: only the account's limit.
    /// When it is full, the oldest events of all channels are removed.
    pub max_bytes: Option<u64>,
    /// The timeout of one request to the server. Default: 1 s. A call makes at most a few requests.
    pub call_timeout: Duration,
}

impl BrokerOptions {
    /// The default settings, in this namespace.
    pub fn new(namespace: Namespace) -> Self {
        Self {
            namespace,
            domain: None,
            storage: Storage::File,
            replicas: 1,
            retention: Retention::default(),
            max_bytes: None,
            call_timeout: Duration::from_secs(1),
        }
    }

    pub(super) fn check(&self) -> Result<()> {
        check_place(self.domain.as_deref(), self.replicas, self.call_timeout)
    }
}

presence_core::setters! {
    BrokerOptions { storage: Storage, replicas: u8, retention: Retention, call_timeout: Duration }
    optional { domain: String, max_bytes: u64 }
}
