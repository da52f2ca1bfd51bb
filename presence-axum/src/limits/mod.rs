//! How much one process serves at a time, and how much of it one client.

mod client;
mod gate;

pub use client::Client;
pub use gate::{Gate, Permit};

use crate::LenientJson;

/// The bounds of a mount.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Limits {
    /// The largest body of a hit, in bytes; a larger one gets 413.
    ///
    /// Default 16 KiB.
    pub body: usize,
    /// How many streams are open at a time; one more gets 503.
    ///
    /// Default 20,000. A waiting stream takes up to 20 KiB, mostly buffers, and one file descriptor: `ulimit -n` must
    /// allow them.
    pub streams: usize,
    /// How many streams one client has open at a time; one more gets 429. `None` for no such bound.
    ///
    /// Default 1,000, enough for an office behind one address. A client is an IPv4 address or an IPv6 /64 network. Behind
    /// a proxy all clients have its address unless [`trusted_proxies`](Self::trusted_proxies) says how to see through it.
    pub streams_per_client: Option<usize>,
    /// How many proxies of your own stand in front, each of which appends its peer to `X-Forwarded-For`.
    ///
    /// Default 0: the header is ignored, for anyone can send it. With *n*, its *n*-th address from the right is the client.
    pub trusted_proxies: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            body: LenientJson::MAX_BYTES,
            streams: 20_000,
            streams_per_client: Some(1_000),
            trusted_proxies: 0,
        }
    }
}
