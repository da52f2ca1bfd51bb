//! The settings of a gateway.

use std::time::Duration;

/// The settings of a [`Gateway`](super::Gateway). The number of open sockets, in total and per
/// client, is limited by the mount's [`Limits`](crate::Limits).
///
/// ```
/// use presence_axum::ws::Settings;
/// use std::time::Duration;
///
/// let settings = Settings::default().topics(16).typing_for(Duration::from_secs(3));
/// # let _ = settings;
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Settings {
    /// The maximum size of a client's message, in bytes; a larger one closes the socket with 1009.
    /// Default 64 KiB.
    pub max_message: usize,
    /// How many frames a client may send per second on average. Default 25: enough for a client
    /// that sends 20.
    ///
    /// Further frames get 429, at most once a second; after [`burst`](field@Self::burst) refused
    /// frames the socket is closed with 1008.
    pub frames_per_second: u32,
    /// How many frames a client may send at once. Default 60; at least 1.
    pub burst: u32,
    /// How many topics one socket may subscribe to; one more gets 429. Default 64, the maximum for
    /// a session.
    pub topics: usize,
    /// How many different topics all sockets together may subscribe to; the first subscription to
    /// one more gets 503. Default 20,000, which take about 60 MB.
    pub rooms: usize,
    /// The time without a frame after which a client is closed with 1008. Default 60 s: twice the
    /// interval of its pings.
    pub idle_for: Duration,
    /// How long a client may take to read what it was sent; a slower one is closed with 1013.
    /// Default 10 s.
    pub write_within: Duration,
    /// How long the close handshake may take. Default 5 s.
    pub close_within: Duration,
    /// The interval at which a topic's changes are sent; changes in between are combined into one
    /// frame. Default 100 ms.
    pub batch: Duration,
    /// The maximum number of users for which a topic is shown with names; a larger topic is shown
    /// as counts. Default 1,000.
    pub large: usize,
    /// How long a value such as "is typing" is shown unless it is repeated. Default 5 s.
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

presence_core::setters! {
    Settings {
        max_message: usize,
        frames_per_second: u32,
        burst: u32,
        topics: usize,
        rooms: usize,
        idle_for: Duration,
        write_within: Duration,
        close_within: Duration,
        batch: Duration,
        large: usize,
        typing_for: Duration,
    }
}
