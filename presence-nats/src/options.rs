//! The settings of a store, and the bounds of each.

use crate::error::rejected;
use presence_core::store::{Namespace, Result};
use presence_core::{Policy, SessionId};
use std::time::Duration;

fn is_word(text: &str) -> bool {
    text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_')
}

/// Where the server keeps the bucket.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Storage {
    /// In files: sessions are kept across a restart of the server.
    File,
    /// In memory: faster by a fifth. After a restart the bucket is empty, and every process writes
    /// its own sessions again.
    Memory,
}

/// Settings of a [`NatsStore`](crate::NatsStore).
///
/// ```
/// use presence_nats::{Namespace, Options};
/// # fn main() -> Result<(), presence_core::store::Error> {
/// let options = Options::new(Namespace::new("chat")?).replicas(3);
/// # Ok(()) }
/// ```
///
/// The settings of streams (`storage`, `replicas`, `max_age`, `max_bytes`, `beats_for`) are used when
/// a stream is created. An existing stream is not changed: use the tools of NATS.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Options {
    /// The name of the bucket `<namespace>` (stream `KV_<namespace>`) and of the stream
    /// `BEATS_<namespace>`. All processes of one service use the same.
    pub namespace: Namespace,
    /// The JetStream domain that holds the bucket, for a process that is connected to one of its
    /// leaf nodes. Default: none, which is the JetStream of the connected server. Letters, digits,
    /// `-` and `_`.
    pub domain: Option<String>,
    /// Where the server keeps the bucket. Default: [`Storage::File`]. Renewals are always
    /// kept in memory.
    pub storage: Storage,
    /// The number of servers of a cluster that keep each stream, 1 to 5. Default: 1. Use 3 to
    /// tolerate the loss of one server.
    pub replicas: u8,
    /// How long the server keeps a record after its last write. Default: 7 days; at least 4 s.
    ///
    /// This removes the records of a service that no longer runs. The records of live sessions are
    /// rewritten well before. It must be longer than twice the longest lease in use.
    pub max_age: Duration,
    /// The maximum size of the bucket, in bytes. Default: only the account's limit. When the bucket
    /// is full, writes that need more room are refused as
    /// [`Unavailable`](presence_core::store::Kind::Unavailable); deletions succeed.
    pub max_bytes: Option<u64>,
    /// How long renewals are kept. Default: 2 minutes; at least 1 s.
    ///
    /// A session whose lease is longer than four fifths of this is renewed in its record, and each
    /// renewal then costs a put. A longer time costs the server memory, some 60 bytes for each
    /// renewal, and every new watch has to read more.
    pub beats_for: Duration,
    /// The timeout of one request to the server. Default: 1 s. A call makes at most a few requests;
    /// the core gives it 1.5 s in all.
    pub call_timeout: Duration,
    /// The policy of this process, to be compared with those of the others. Default:
    /// `None`, not compared.
    ///
    /// Processes with different policies derive different liveness from the same records. A policy
    /// that differs from that of the first process in the namespace is logged as a warning. It is
    /// not refused, since a rollout changes the policy process by process.
    pub policy: Option<Policy>,
}

impl Options {
    /// The default settings, in this namespace.
    pub fn new(namespace: Namespace) -> Self {
        Self {
            namespace,
            domain: None,
            storage: Storage::File,
            replicas: 1,
            max_age: Duration::from_hours(7 * 24),
            max_bytes: None,
            beats_for: Duration::from_mins(2),
            call_timeout: Duration::from_secs(1),
            policy: None,
        }
    }

    /// Checks every setting against its bounds.
    pub(crate) fn check(&self) -> Result<()> {
        check_place(self.domain.as_deref(), self.replicas, self.call_timeout)?;
        if self.max_age < Duration::from_secs(4) {
            return Err(rejected("max_age is shorter than 4 s"));
        }
        if self.beats_for < Duration::from_secs(1) {
            return Err(rejected("beats_for is shorter than 1 s"));
        }
        Ok(())
    }
}

presence_core::setters! {
    Options {
        storage: Storage,
        replicas: u8,
        max_age: Duration,
        beats_for: Duration,
        call_timeout: Duration,
    }
    optional { domain: String, max_bytes: u64, policy: Policy }
}

/// Checks the settings that a store and a broker have in common.
pub(crate) fn check_place(domain: Option<&str>, replicas: u8, call_timeout: Duration) -> Result<()> {
    if domain.is_some_and(|domain| domain.is_empty() || domain.len() > 64 || !is_word(domain)) {
        return Err(rejected("the domain is not 1 to 64 letters, digits, - or _"));
    }
    if !(1..=5).contains(&replicas) {
        return Err(rejected("replicas is not 1 to 5"));
    }
    if call_timeout.is_zero() {
        return Err(rejected("call_timeout is zero"));
    }
    Ok(())
}

// The longest subject has three characters for each byte of two ids, plus prefix and separators. A
// server closes a connection that sends a line of more than 4,096 bytes.
const _: () = assert!(3 * 2 * SessionId::MAX_BYTES + 4 * Namespace::MAX_BYTES + 300 < 4096);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn options_out_of_bounds_are_refused() {
        let good = Options::new(Namespace::new("a").unwrap());
        assert!(good.check().is_ok());
        for bad in [
            good.clone().domain("a.b".to_owned()),
            good.clone().domain(String::new()),
            good.clone().replicas(0),
            good.clone().max_age(Duration::from_secs(1)),
            good.clone().beats_for(Duration::ZERO),
            good.clone().call_timeout(Duration::ZERO),
        ] {
            assert!(bad.check().is_err(), "{bad:?}");
        }
    }
}
