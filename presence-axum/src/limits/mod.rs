//! Limits of a process, of each client and of each user.
//!
#![doc = include_str!("../../docs/bounds.md")]

mod cells;
mod client;
mod limiter;
mod permit;
mod rate;

pub use client::Client;
pub use limiter::Limiter;
pub use permit::Permit;
pub use rate::{Quota, Rate, TooMany};

use crate::LenientJson;

/// The limits of a mount.
///
/// A client is an IPv4 address or an IPv6 /64 network. Behind a proxy all clients share its address
/// unless [`trusted_proxies`](field@Self::trusted_proxies) is set.
///
/// ```
/// use presence_axum::Limits;
/// use presence_axum::limits::Quota;
///
/// let limits = Limits::default()
///     .streams(5_000)
///     .hits_per_user(Quota::per_second(5))
///     .streams_per_client(None);
/// assert_eq!(limits.body, 16 * 1024);
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Limits {
    /// The largest body of a hit, in bytes; a larger one gets 413.
    ///
    /// Default 16 KiB.
    pub body: usize,
    /// The largest size, in bytes, of the user lists in one frame of a stream. Longer lists are cut
    /// in the snapshot stream and replaced by counts in the diff streams; the frame is marked.
    ///
    /// Default 2 MiB, about 100,000 users. A slow reader holds one frame in memory.
    pub frame: usize,
    /// How many streams and sockets may be open at a time; one more gets 503.
    ///
    /// Default 20,000. An idle stream takes up to 20 KiB, mostly buffers, and one file descriptor,
    /// which `ulimit -n` must allow.
    pub streams: usize,
    /// How many streams and sockets one client may have open at a time; one more gets 429. `None`:
    /// no limit.
    ///
    /// Default 1,000, enough for an office behind one address.
    pub streams_per_client: Option<usize>,
    /// How many topics all streams and sockets together may watch, counted once for each stream;
    /// one more gets 503.
    ///
    /// Default 100,000, which is five for each stream. One takes about a kilobyte. Sixteen watched
    /// users count as one topic.
    pub topics: usize,
    /// How many topics the streams and sockets of one client may watch; one more gets 429. `None`:
    /// no limit.
    ///
    /// Default 4,000. A topic that no other stream watches takes up to four kilobytes.
    pub topics_per_client: Option<usize>,
    /// How many hits one client may send; more get 429. `None`: no limit.
    ///
    /// Default 1,000 a second and 5,000 at once: enough for 20,000 tabs behind one address, too few
    /// to saturate a processor. A client without a known address is not limited.
    pub hits_per_client: Option<Quota>,
    /// How many hits of one user are accepted, from all tabs together; more get 429.
    /// `None`: no limit.
    ///
    /// Default 20 a second and 200 at once.
    pub hits_per_user: Option<Quota>,
    /// How many queries, and openings of streams and sockets, one client may send; more get 429.
    /// `None`: no limit.
    ///
    /// Default 200 a second and 2,000 at once, so that an office whose tabs all reconnect at once
    /// is let in. Large requests count as several queries: one for each fifty rows of a response,
    /// fifty kilobytes about users, or eight topics that a stream or socket begins to watch.
    pub queries_per_client: Option<Quota>,
    /// The number of your own proxies in front of the server. Each must append the address of its
    /// peer to `X-Forwarded-For`.
    ///
    /// Default 0: the header is ignored, because any client can send it. With *n*, the *n*-th
    /// address from the right is the client.
    pub trusted_proxies: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            body: LenientJson::MAX_BYTES,
            frame: 2 * 1024 * 1024,
            streams: 20_000,
            streams_per_client: Some(1_000),
            topics: 100_000,
            topics_per_client: Some(4_000),
            hits_per_client: Quota::per_second(1_000).map(|quota| quota.burst(5_000)),
            hits_per_user: Quota::per_second(20).map(|quota| quota.burst(200)),
            queries_per_client: Quota::per_second(200).map(|quota| quota.burst(2_000)),
            trusted_proxies: 0,
        }
    }
}

presence_core::setters! {
    Limits { body: usize, frame: usize, streams: usize, topics: usize, trusted_proxies: usize }
    optional {
        streams_per_client: usize,
        topics_per_client: usize,
        hits_per_client: Quota,
        hits_per_user: Quota,
        queries_per_client: Quota,
    }
}

impl Limits {
    /// The defaults without limits per client or user, for services whose clients share one address
    /// or one name.
    ///
    /// ```
    /// use presence_axum::Limits;
    /// assert_eq!(Limits::shared().streams_per_client, None);
    /// ```
    pub fn shared() -> Self {
        Self {
            streams_per_client: None,
            topics_per_client: None,
            hits_per_client: None,
            hits_per_user: None,
            queries_per_client: None,
            ..Self::default()
        }
    }
}
