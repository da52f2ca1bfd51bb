use std::{
    net::{Ipv4Addr, SocketAddrV4, TcpListener},
    os::fd::{AsFd, OwnedFd},
};

use rustix::net::{AddressFamily, SocketType, bind, getsockname, socket, sockopt::set_socket_reuseaddr};

/// A reserved port of 127.0.0.1, whether or not a server listens on it.
///
/// A free port that is merely looked up may be taken by another process a moment later. Worse,
/// while a killed server is away, a client that tries to reconnect may get the same port as its own
/// end, and is then connected to itself.
#[derive(Debug)]
pub(crate) struct Port {
    number: u16,
    /// Bound and never listening, so that connections are refused. Linux lets a server that sets
    /// `SO_REUSEADDR`, as all of ours do, listen on it nevertheless; the system gives the port to
    /// no other process.
    _held: Option<OwnedFd>,
}

impl Port {
    /// A port that the system reports as free.
    pub(crate) fn free() -> Self {
        let held = socket(AddressFamily::INET, SocketType::STREAM, None).unwrap();
        rustix::io::fcntl_setfd(held.as_fd(), rustix::io::FdFlags::CLOEXEC).unwrap();
        bind(&held, &SocketAddrV4::new(Ipv4Addr::LOCALHOST, 0)).expect("127.0.0.1 has no free port");
        // Set after binding: if it were set before, the system could return a port that another
        // process reserves in the same way.
        set_socket_reuseaddr(&held, true).unwrap();
        let bound = SocketAddrV4::try_from(getsockname(&held).unwrap()).unwrap();
        Self { number: bound.port(), _held: cfg!(target_os = "linux").then_some(held) }
    }

    pub(crate) fn number(&self) -> u16 {
        self.number
    }
    /// Listens on it in this process.
    pub(crate) fn listen(&self) -> TcpListener {
        TcpListener::bind((Ipv4Addr::LOCALHOST, self.number)).expect("the port is held for this")
    }
}
