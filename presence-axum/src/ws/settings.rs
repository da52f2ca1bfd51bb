//! What a gateway lets its clients do.

use std::time::Duration;

/// The settings of a [`Gateway`](super::Gateway). How many sockets may be open, in all and of one
/// client, is a matter of the mount's [`Limits`](crate::Limits).
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Settings {
    /// The largest message of a client, in bytes; a larger one closes the socket with 1009. Default
    /// 64 KiB.
    pub max_message: usize,
    /// How many frames a client may send in a second, over time. Default 25: a client that sends 20
    /// is well within it.
    ///
    /// More are answered with 429, once a second; whoever sends as many as [`burst`](Self::burst)
    /// in vain is closed with 1008.
    pub frames_per_second: u32,
    /// How many frames a client may send at once. Default 60; at least 1.
    pub burst: u32,
    /// How many topics one socket may subscribe to; one more gets 429. Default 64, which is also as
    /// many as a session may be in.
    pub topics: usize,
    /// How many topics all sockets together may subscribe to, each counted once; the first
    /// subscription to one more gets 503. Default 20,000, which take some 60 MB.
    pub rooms: usize,
    /// After how long without a frame a client is closed with 1008. Default 60 s: twice the
    /// interval of its pings.
    pub idle_for: Duration,
    /// How long a client may take to read what it was sent; then it is closed with 1013. Default 10
    /// s.
    pub write_within: Duration,
    /// How long the close handshake may take. Default 5 s.
    pub close_within: Duration,
    /// How often a topic's changes are told; those of the time between go into one frame. Default
    /// 100 ms.
    pub batch: Duration,
    /// How many users a topic may have to be told by name; a larger one is told in counts. Default
    /// 1,000.
    pub large: usize,
    /// How long a value such as "is typing" lives unless it is repeated. Default 5 s.
    pub typing_for: Duration,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            max_message: 64 * 1024,
            frames_per_second: 25,
            burst: 60,
            topics: 64,
            rooms: 20_000,
            idle_for: Duration::from_mins(1),
            write_within: Duration::from_secs(10),
            close_within: Duration::from_secs(5),
            batch: Duration::from_millis(100),
            large: 1_000,
            typing_for: Duration::from_secs(5),
        }
    }
}
