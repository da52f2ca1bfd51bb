//! The servers that are compared.

use crate::Outcome;
use crate::protocol::{self, Protocol};
use std::net::{SocketAddr, ToSocketAddrs};

/// A server that does presence.
pub struct Peer {
    pub name: String,
    pub protocol: &'static dyn Protocol,
    pub path: String,
    pub launch: Launch,
    /// Why scenarios of two processes do not run, if they do not.
    pub alone: Option<&'static str>,
    /// Version and settings, with the documentation that recommends them.
    pub about: &'static str,
}

/// How a peer is started.
pub enum Launch {
    /// A program that was built with this one.
    Beside(&'static str),
    /// A script in `node/`.
    Node(&'static str),
    /// Sockudo, as `scripts/peers.sh` installed it.
    Sockudo,
    /// Already running at this address.
    Elsewhere(SocketAddr),
}

/// The peers that are started here.
pub fn all() -> Outcome<Vec<Peer>> {
    let peer = |name: &str, speaks, launch, alone, about| -> Outcome<Peer> {
        let protocol = protocol::named(speaks)?;
        let path = protocol.path().to_owned();
        Ok(Peer { name: name.to_owned(), protocol, path, launch, alone, about })
    };
    Ok(vec![
        peer(
            "ours",
            "ours",
            Launch::Beside("ours"),
            None,
            "this library, its routes with their defaults (`servers/src/ours.rs`); one thread",
        )?,
        peer(
            "socket.io",
            "socket.io",
            Launch::Node("socket-io.mjs"),
            None,
            "socket.io 4.8.4 on ws 8.23.0 with native add-ons, WebSocket only, no initial request kept \
             (<https://socket.io/docs/v4/performance-tuning/>, <https://socket.io/docs/v4/memory-usage/>); presence as \
             in <https://socket.io/get-started/private-messaging-part-2/>; @socket.io/redis-adapter 8.3.0, sharded, \
             on ioredis 5.11.1 (<https://socket.io/docs/v4/redis-adapter/>)",
        )?,
        peer(
            "ws",
            "ws",
            Launch::Node("ws.mjs"),
            None,
            "ws 8.23.0 with native add-ons, uncompressed (<https://github.com/websockets/ws#opt-in-for-performance>), \
             and 250 lines by hand that batch, wait out reloads, count large rooms and keep members in Redis \
             (`node/ws.mjs`, `node/cluster.mjs`)",
        )?,
        peer(
            "socketioxide",
            "socket.io",
            Launch::Beside("socketioxide"),
            None,
            "socketioxide 0.18.9, rooms as in <https://docs.rs/socketioxide/0.18.9/socketioxide/>, buffers of 16,384 packets so \
             that none is dropped; one thread; its Redis adapter (<https://docs.rs/socketioxide-redis/0.4.4>) forwards events, \
             and tells no names of members elsewhere",
        )?,
        peer(
            "sockudo",
            "pusher",
            Launch::Sockudo,
            None,
            "sockudo 5.2.0 with its features v2, local and redis, presence channels of the Pusher protocol, its limits \
             of members, connections and requests raised, no metrics, else its defaults \
             (<https://github.com/sockudo/sockudo>); Redis adapter for two processes; a thread for each processor",
        )?,
    ])
}

/// A peer that is already running, given as `ws://host:port/path`.
///
/// # Errors
/// The URL is invalid, or the protocol has no adapter.
pub fn elsewhere(url: &str, speaks: &str) -> Outcome<Peer> {
    let rest = url.strip_prefix("ws://").ok_or("a URL begins with ws://")?;
    let (host, path) = rest.find('/').map_or((rest, ""), |at| rest.split_at(at));
    let address = host.to_socket_addrs()?.next().ok_or("that host has no address")?;
    let protocol = protocol::named(speaks)?;
    Ok(Peer {
        name: url.to_owned(),
        protocol,
        path: if path.is_empty() { protocol.path().to_owned() } else { path.to_owned() },
        launch: Launch::Elsewhere(address),
        alone: Some("cannot: only one address is known of it"),
        about: "started elsewhere",
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_names_host_and_path_and_the_protocol_the_rest() {
        let peer = elsewhere("ws://127.0.0.1:4000", "phoenix").unwrap();
        assert_eq!(peer.path, "/socket/websocket?vsn=2.0.0");
        assert!(matches!(peer.launch, Launch::Elsewhere(address) if address.port() == 4000));
        assert_eq!(elsewhere("ws://127.0.0.1:1/x", "ours").unwrap().path, "/x");
        assert!(elsewhere("http://127.0.0.1:1", "ours").is_err());
        assert!(elsewhere("ws://127.0.0.1:1", "morse").is_err());
    }
}
