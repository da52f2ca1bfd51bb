use super::Nats;
use crate::Proxy;

/// A network in front of a server that can lose every packet: no connection breaks, nothing
/// arrives.
#[derive(Debug)]
pub struct BlackHole {
    proxy: Proxy,
}

impl BlackHole {
    /// Before this server, and passing everything.
    pub fn before(server: &Nats) -> Self {
        Self::to(server.port())
    }

    /// Before any port of 127.0.0.1, and passing everything.
    pub fn to(port: u16) -> Self {
        Self { proxy: Proxy::to(port) }
    }

    /// Where clients find the server through it.
    pub fn url(&self) -> String {
        format!("nats://127.0.0.1:{}", self.port())
    }

    /// Its port on 127.0.0.1, the same for as long as this lives.
    pub fn port(&self) -> u16 {
        self.proxy.port()
    }

    /// Keeps connections open and forwards nothing. What is sent meanwhile arrives with
    /// [`pass`](Self::pass).
    pub fn swallow(&self) {
        self.proxy.swallow();
    }

    /// Forwards again.
    pub fn pass(&self) {
        self.proxy.pass();
    }

    /// Closes every connection and refuses new ones until it is told to [`pass`](Self::pass).
    pub fn cut(&self) {
        self.proxy.cut();
    }
}
