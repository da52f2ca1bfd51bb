//! The settings of a store.

use presence_core::Policy;
use presence_core::store::Namespace;
use std::time::Duration;

/// Settings of a [`RedisStore`](crate::RedisStore).
///
/// ```
/// use presence_redis::{Namespace, Options};
/// use std::time::Duration;
/// # fn main() -> Result<(), presence_core::store::Error> {
/// let options = Options::new(Namespace::new("chat")?)
///     .call_timeout(Duration::from_millis(500))
///     .connect_timeout(Duration::from_millis(400));
/// # Ok(()) }
/// ```
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Options {
    /// The namespace. All processes of one service use the same namespace; another service uses
    /// another one.
    pub namespace: Namespace,
    /// The number of shards over which users are spread. Default `None`: 2, and 16 on a cluster. 1
    /// to 1,024.
    ///
    /// On a cluster, use more shards than it has masters, so that the load spreads. Otherwise use
    /// few: each shard makes batches more expensive, and costs every process four calls a second.
    /// One server with a million sessions works well with 8, or with `lazyfree-lazy-expire yes`,
    /// since a shard that no process refreshes expires all at once. All processes of a namespace
    /// must use the same number: a number other than the one in use is refused.
    pub shards: Option<u16>,
    /// The timeout of a call, after which it fails as
    /// [`Kind::Timeout`](presence_core::store::Kind::Timeout). Default 1 s. More than zero.
    ///
    /// It should be shorter than 1.5 s, after which the core gives up a call: a hit is answered
    /// within 2 s.
    pub call_timeout: Duration,
    /// The timeout of an attempt to connect. Default 800 ms. More than zero.
    ///
    /// It should be shorter than `call_timeout`, so that a call that waits for the connection fails
    /// with the reason. On a cluster it is the limit for each node, and three times it is the limit
    /// for all nodes together, so that a hanging node does not block the others. Asking sentinels
    /// may take up to 4 s in addition.
    pub connect_timeout: Duration,
    /// How long the keys of a shard are kept after the last heartbeat of the last process, beyond
    /// the longest lease in the shard. Default 10 min. From 1 s to 1 year.
    ///
    /// It should be long enough that all processes can restart and find the sessions still stored.
    /// After it, the keys expire.
    pub keep_for: Duration,
    /// The policy of this process, to be compared with that of the others. Default
    /// `None`: not compared.
    ///
    /// Processes with different windows judge the same facts differently. A policy that differs
    /// from the first one of the namespace is logged as a warning and not refused, since a rollout
    /// changes it process by process.
    pub policy: Option<Policy>,
}

impl Options {
    /// The default settings, in this namespace.
    pub fn new(namespace: Namespace) -> Self {
        Self {
            namespace,
            shards: None,
            call_timeout: Duration::from_secs(1),
            connect_timeout: Duration::from_millis(800),
            keep_for: Duration::from_mins(10),
            policy: None,
        }
    }
}

presence_core::setters! {
    Options { call_timeout: Duration, connect_timeout: Duration, keep_for: Duration }
    optional { shards: u16, policy: Policy }
}
