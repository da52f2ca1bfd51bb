//! Settings of the server.

use super::ErrorBody;
use crate::Cors;
use std::time::Duration;

/// How [`serve`](super::serve) serves.
#[derive(Debug, Clone)]
pub struct Options {
    /// How many connections are open at a time; one more is told 503 and closed.
    ///
    /// Default 50,000. Each takes a file descriptor: the soft limit of the process is raised to its
    /// hard limit, and where that is not enough, fewer connections are open and a warning says so.
    pub max_connections: usize,
    /// How many connections one client has open at a time; one more is told 429 and closed. `None`
    /// for no such bound.
    ///
    /// Default `None`: behind a proxy all connections are the proxy's. Set it where clients connect
    /// directly: a browser has up to six. A client is an IPv4 address or an IPv6 /64 network. A
    /// socket counts as a stream once it is upgraded.
    pub max_connections_per_client: Option<usize>,
    /// How long a client may take to send the head of a request, and how long an unused connection
    /// stays open.
    ///
    /// Default 30 s: longer than the pause between two hits on one connection should be, if they
    /// are to share it.
    pub header_timeout: Duration,
    /// The largest head of a request that is sure to be taken, in bytes; one of more than twice
    /// that gets 431. At least 8 KiB.
    ///
    /// Default 64 KiB: a query may name a thousand ids. It also bounds what is kept for a reader
    /// that is slow, beside one frame.
    pub max_head: usize,
    /// How much the kernel buffers for a reader that is slow, in bytes (it doubles the number);
    /// `None` leaves it to the kernel.
    ///
    /// Default 64 KiB. The kernel alone would take 4 MB for each reader that has stopped, and what
    /// a slow one gets would be old.
    pub send_buffer: Option<usize>,
    /// How long a reader may take for what is being sent to it before its connection is closed.
    ///
    /// Default 30 s. A reader that is slow holds a frame of its own in memory; this is for how
    /// long.
    pub frame_for: Duration,
    /// After how long without a sign of the peer a connection is given up.
    ///
    /// Default 60 s. A laptop that sleeps is noticed, on Linux also a reader that reads nothing for
    /// that long.
    pub dead_after: Duration,
    /// How long a drain may take before what is still open is closed.
    ///
    /// Default 8 s, for containers are mostly killed 10 s after they are asked to end.
    pub drain_for: Duration,
    /// Writes the body of what the server answers by itself: no room (503), a head that is too long
    /// or malformed (400, 414, 431), an unknown transfer coding (501).
    ///
    /// Default [`error_body`](super::error_body), the shape of our own wire format.
    pub error_body: ErrorBody,
    /// Lets pages of other origins read those answers. Default: none may.
    ///
    /// Which origin asks is not known then, so that only `*` or a single origin is named.
    pub cors: Option<Cors>,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            max_connections: 50_000,
            max_connections_per_client: None,
            header_timeout: Duration::from_secs(30),
            max_head: 64 * 1024,
            send_buffer: Some(64 * 1024),
            frame_for: Duration::from_secs(30),
            dead_after: Duration::from_mins(1),
            drain_for: Duration::from_secs(8),
            error_body: super::error_body,
            cors: None,
        }
    }
}
