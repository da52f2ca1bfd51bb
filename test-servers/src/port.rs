use std::{
    net::{Ipv4Addr, SocketAddrV4, TcpListener},
    os::fd::{AsFd, OwnedFd},
};

use rustix::net::{AddressFamily, SocketType, bind, getsockname, socket, sockopt::set_socket_reuseaddr};

/// A reserved port of 127.0.0.1, whether or not a server listens on it.
///
/// Without the reservation, another process could take a free port before the server uses it. Also,
/// while the server is down, a client that reconnects could get the same port as its own local
/// port, and would then be connected to itself.
#[derive(Debug)]
pub(crate) struct Port {
    number: u16,
    /// A socket that is bound to the port but does not listen, so that connections are refused.
    /// Linux gives the port to no other process, but allows a server that sets `SO_REUSEADDR` to
    /// listen on it. All our servers set it.
    _held: Option<OwnedFd>,
}

impl Port {
    /// Reserves a port that the system reports as free.
    pub(crate) fn free() -> Self {
        let held = socket(AddressFamily::INET, SocketType::STREAM, None).unwrap();
        rustix::io::fcntl_setfd(held.as_fd(), rustix::io::FdFlags::CLOEXEC).unwrap();
        bind(&held, &SocketAddrV4::new(Ipv4Addr::LOCALHOST, 0)).expect("127.0.0.1 has no free port");
        // The option is set after binding. If it were set before, the system could return a port
        // that another process has reserved in the same way.
        set_socket_reuseaddr(&held, true).unwrap();
        let bound = SocketAddrV4::try_from(getsockname(&held).unwrap()).unwrap();
        Self { number: bound.port(), _held: cfg!(target_os = "linux").then_some(held) }
    }

    pub(crate) fn number(&self) -> u16 {
        self.number
    }
    /// Listens on the port in this process.
    pub(crate) fn listen(&self) -> TcpListener {
        TcpListener::bind((Ipv4Addr::LOCALHOST, self.number)).expect("the port is held for this")
    }
}
