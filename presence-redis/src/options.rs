//! Settings of the store.

use crate::keys::Namespace;
use presence_core::Policy;
use std::time::Duration;

/// Settings of a [`RedisStore`](crate::RedisStore).
///
/// ```
/// use presence_redis::{Namespace, Options};
/// use std::time::Duration;
/// # fn main() -> Result<(), presence_core::store::Error> {
/// let mut options = Options::new(Namespace::new("chat")?);
/// options.call_timeout = Duration::from_millis(500);
/// options.connect_timeout = Duration::from_millis(400);
/// # Ok(()) }
/// ```
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Options {
    /// Whose presence it is. Every process of one service names the same one, every other service
    /// another.
    pub namespace: Namespace,
    /// Into how many parts users are spread. Default `None`: 2, and 16 on a cluster. 1 to 1,024.
    ///
    /// On a cluster more than it has masters, so that the load spreads; otherwise few, because each
    /// makes batches dearer and costs every process four calls a second. One server with a million
    /// sessions does well with 8, or with `lazyfree-lazy-expire yes`: a shard that nobody refreshes
    /// any more expires at one go. Every process of a namespace must say the same: another count
    /// than the one in use is refused.
    pub shards: Option<u16>,
    /// How long a call may take before it is given up as
    /// [`Kind::Timeout`](presence_core::store::Kind::Timeout). Default 1 s. More than zero.
    ///
    /// The core gives up after 1.5 s, and a hit is answered within 2 s: stay below.
    pub call_timeout: Duration,
    /// How long an attempt to connect may take. Default 800 ms. More than zero.
    ///
    /// Less than `call_timeout`, so that who waits for it hears why it failed. On a cluster each
    /// node has as long, and all together three times that, so that one that hangs does not keep
    /// anybody from the others. Sentinels may take up to 4 s beside it.
    pub connect_timeout: Duration,
    /// How long the keys of a shard stay after the last beat of the last process, beyond the
    /// longest lease in it. Default 10 min. From 1 s to 1 year.
    ///
    /// Long enough for a restart of everything to find everybody still there; afterwards nothing is
    /// left behind.
    pub keep_for: Duration,
    /// The policy of this process, to be compared with that of the others. Default `None`: not
    /// compared.
    ///
    /// Processes with different windows judge the same facts differently. Another policy than the
    /// first one of the namespace is warned of in the log, not refused: a rollout changes it
    /// process by process.
    pub policy: Option<Policy>,
}

impl Options {
    /// The defaults, in this namespace.
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
