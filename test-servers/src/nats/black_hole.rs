use super::Nats;
use crate::Proxy;

/// A network in front of a server that can drop everything: no connection breaks, but
/// no data arrives.
#[derive(Debug)]
pub struct BlackHole {
    proxy: Proxy,
}

impl BlackHole {
    /// Starts in front of this server; forwards everything at first.
    pub fn before(server: &Nats) -> Self {
        Self::to(server.port())
    }

    /// Starts in front of any port of 127.0.0.1; forwards everything at first.
    pub fn to(port: u16) -> Self {
        Self { proxy: Proxy::to(port) }
    }

    /// The URL by which clients reach the server through this network.
    pub fn url(&self) -> String {
        format!("nats://127.0.0.1:{}", self.port())
    }

    /// The port of this network on 127.0.0.1, which does not change.
    pub fn port(&self) -> u16 {
        self.proxy.port()
    }

    /// Keeps connections open and forwards nothing. Data sent meanwhile arrives after
    /// [`pass`](Self::pass).
    pub fn hold_back(&self) {
        self.proxy.hold_back();
    }

    /// Forwards again.
    pub fn pass(&self) {
        self.proxy.pass();
    }

    /// Closes every connection and refuses new ones until [`pass`](Self::pass).
    pub fn cut(&self) {
        self.proxy.cut();
    }
}
