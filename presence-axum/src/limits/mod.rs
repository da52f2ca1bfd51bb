//! How much one process serves at a time, and how much of it one client or user.
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

/// The bounds of a mount.
///
/// A client is an IPv4 address or an IPv6 /64 network. Behind a proxy all clients have its address
/// unless [`trusted_proxies`](Self::trusted_proxies) says how to see through it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Limits {
    /// The largest body of a hit, in bytes; a larger one gets 413.
    ///
    /// Default 16 KiB.
    pub body: usize,
    /// How many bytes the lists of one frame of a stream may take. Longer ones of the snapshot
    /// stream are cut, those of the diff streams become counts, and the frame says so.
    ///
    /// Default 2 MiB, some 100,000 users. A reader that is slow holds one frame in memory.
    pub frame: usize,
    /// How many streams and sockets are open at a time; one more gets 503.
    ///
    /// Default 20,000. A waiting stream takes up to 20 KiB, mostly buffers, and one file
    /// descriptor: `ulimit -n` must allow them.
    pub streams: usize,
    /// How many streams and sockets one client has open at a time; one more gets 429. `None` for no
    /// such bound.
    ///
    /// Default 1,000, enough for an office behind one address.
    pub streams_per_client: Option<usize>,
    /// How many topics streams and sockets watch, each counted for each of them; one more gets 503.
    ///
    /// Default 100,000: five for each stream. One takes about a kilobyte. What is watched of single
    /// users counts as one topic for each sixteen.
    pub topics: usize,
    /// How many topics the streams and sockets of one client watch; one more gets 429. `None` for no
    /// such bound.
    ///
    /// Default 4,000. A topic that nobody else watches takes up to four kilobytes.
    pub topics_per_client: Option<usize>,
    /// How many hits one client sends; more get 429. `None` for no such bound.
    ///
    /// Default 1,000 a second and 5,000 at once, enough for 20,000 tabs behind one address and too
    /// few to load a processor. A client without an address is not bounded.
    pub hits_per_client: Option<Quota>,
    /// How many hits are taken for one user, of all their tabs; more get 429. `None` for no such
    /// bound.
    ///
    /// Default 20 a second and 200 at once.
    pub hits_per_user: Option<Quota>,
    /// How many queries, and openings of streams and sockets, one client sends; more get 429.
    /// `None` for no such bound.
    ///
    /// Default 200 a second and 2,000 at once: an office whose tabs all come back at once is let
    /// in. Of a query for many rows each fifty count as one, and so do fifty kilobytes about users
    /// and each eight topics that streams and sockets begin to watch.
    pub queries_per_client: Option<Quota>,
    /// How many proxies of your own stand in front, each of which appends its peer to
    /// `X-Forwarded-For`.
    ///
    /// Default 0: the header is ignored, for anyone can send it. With *n*, its *n*-th address from
    /// the right is the client.
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

impl Limits {
    /// The defaults without any bound per client or user, for services whose clients share one
    /// address or one name.
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
