//! The settings of the server.

use super::ErrorBody;
use crate::Cors;
use std::time::Duration;

/// The settings of [`serve`](super::serve).
///
/// ```
/// use presence_axum::serve::Options;
/// use std::time::Duration;
///
/// let options = Options::default().max_connections(8_000).header_timeout(Duration::from_secs(75));
/// # let _ = options;
/// ```
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Options {
    /// The maximum number of open connections; one more is answered 503 and closed.
    ///
    /// Default 50,000. Each takes a file descriptor: the soft limit of the process is raised to its
    /// hard limit, and where that is not enough, the maximum is lowered and a warning is logged.
    pub max_connections: usize,
    /// The maximum number of open connections of one client; one more is answered 429 and closed.
    /// `None` for no such limit.
    ///
    /// Default `None`: behind a proxy all connections are the proxy's. Set it where clients connect
    /// directly: a browser has up to six. A client is an IPv4 address or an IPv6 /64 network. A
    /// socket counts as a stream once it is upgraded.
    pub max_connections_per_client: Option<usize>,
    /// How long a client may take to send the head of a request, and how long an unused connection
    /// stays open.
    ///
    /// Default 30 s. If it is longer than the interval of a client's hits, these
    /// share one connection.
    pub header_timeout: Duration,
    /// The largest head of a request that is always accepted, in bytes; a head of more than twice
    /// that gets 431. At least 8 KiB.
    ///
    /// Default 64 KiB: a query may name a thousand ids. It also bounds the memory for a slow
    /// reader, in addition to one frame.
    pub max_head: usize,
    /// The size of the kernel's send buffer, in bytes (the kernel doubles it); `None` leaves it to
    /// the kernel.
    ///
    /// Default 64 KiB. The kernel alone would use 4 MB for each reader that has stopped, and a slow
    /// reader would get old data.
    pub send_buffer: Option<usize>,
    /// How long a reader may take to receive written data before its connection is closed.
    ///
    /// Default 30 s. A slow reader holds a frame of its own in memory for up to this long.
    pub frame_for: Duration,
    /// The time without any sign of the peer after which a connection is closed.
    ///
    /// Default 60 s. It detects a laptop that sleeps; on Linux also a reader that reads nothing for
    /// that long.
    pub dead_after: Duration,
    /// How long a drain may take before connections that are still open are closed.
    ///
    /// Default 8 s, since containers are usually killed 10 s after they are asked to end.
    pub drain_for: Duration,
    /// Writes the body of the errors that the server answers by itself: no room (503), a head that
    /// is too long or malformed (400, 414, 431), an unknown transfer coding (501).
    ///
    /// Default [`error_body`](super::error_body), the shape of this crate's wire format.
    pub error_body: ErrorBody,
    /// Lets pages of other origins read those answers. Default: none may.
    ///
    /// The origin of the request is not known at that point, so only `*` or a single
    /// origin is named.
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

presence_core::setters! {
    Options {
        max_connections: usize,
        header_timeout: Duration,
        max_head: usize,
        frame_for: Duration,
        dead_after: Duration,
        drain_for: Duration,
        error_body: ErrorBody,
    }
    optional { max_connections_per_client: usize, send_buffer: usize, cors: Cors }
}
