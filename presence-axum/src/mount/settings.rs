//! Limits, intervals, the broker, sockets and pages of other origins.

use super::{Mount, limiter};
use crate::{Cors, Limits, ws};
use presence_core::Broker;
use std::sync::Arc;
use std::time::Duration;

impl Mount {
    /// Limits on bodies, streams and rates. Default [`Limits::default`].
    ///
    /// ```
    /// # fn example(presence: presence_core::Presence) {
    /// use presence_axum::{Limits, Mount};
    /// let mount = Mount::new(presence).limits(Limits::default().trusted_proxies(1));
    /// # let _ = mount;
    /// # }
    /// ```
    pub fn limits(self, limits: Limits) -> Self {
        self.with(|inner| inner.limiter = limiter(&inner.presence, limits))
    }

    /// The interval of the snapshot stream. Default 2 s; at least 10 ms.
    ///
    /// ```
    /// # fn example(presence: presence_core::Presence) {
    /// use presence_axum::Mount;
    /// use std::time::Duration;
    /// let mount = Mount::new(presence).tick(Duration::from_secs(1));
    /// # let _ = mount;
    /// # }
    /// ```
    pub fn tick(self, every: Duration) -> Self {
        self.with(|inner| inner.tick = every)
    }

    /// Lets sockets carry messages and short-lived values over this broker. Default: they carry
    /// presence only.
    ///
    /// ```
    /// # fn example(presence: presence_core::Presence) {
    /// use presence_axum::Mount;
    /// use presence_memory::MemoryBroker;
    /// let mount = Mount::new(presence).broker(MemoryBroker::new());
    /// # let _ = mount;
    /// # }
    /// ```
    pub fn broker(self, broker: impl Broker) -> Self {
        self.with(|inner| inner.broker = Some(Arc::new(broker)))
    }

    /// What clients of the socket may do. Default [`ws::Settings::default`].
    ///
    /// ```
    /// # fn example(presence: presence_core::Presence) {
    /// use presence_axum::{Mount, ws};
    /// let mount = Mount::new(presence).sockets_with(ws::Settings::default().topics(16));
    /// # let _ = mount;
    /// # }
    /// ```
    pub fn sockets_with(self, settings: ws::Settings) -> Self {
        self.with(|inner| inner.socket_settings = settings)
    }

    /// Allows requests from pages of other origins. Default: none.
    ///
    /// ```
    /// # use presence_axum::InvalidCors;
    /// # fn example(presence: presence_core::Presence) -> Result<(), InvalidCors> {
    /// use presence_axum::Mount;
    /// let mount = Mount::new(presence).cors("https://app.example".parse()?);
    /// # let _ = mount;
    /// # Ok(()) }
    /// ```
    pub fn cors(self, cors: Cors) -> Self {
        self.with(|inner| inner.cors = Some(cors))
    }
}
