use std::{
    fmt,
    io::{Read, Write},
    net::{Ipv4Addr, Shutdown, TcpStream},
    sync::{
        Arc, Condvar, Mutex, MutexGuard, PoisonError, Weak,
        atomic::{AtomicBool, Ordering},
    },
    thread::{self, JoinHandle},
};

use crate::{patience::wait_until, port::Port};

/// A network that can fail. It forwards TCP connections to a port of 127.0.0.1, unless it is cut or
/// holds back all data.
#[derive(Debug)]
pub struct Proxy {
    port: Port,
    link: Arc<Link>,
    /// Accepts connections; `None` while they are refused.
    accepting: Mutex<Option<JoinHandle<()>>>,
}

/// Changes the server's data in place, and returns how many bytes can be forwarded. The rest is
/// passed in again, in front of the data that follows.
type Rewrite = dyn Fn(&mut [u8]) -> usize + Send + Sync;

struct Link {
    to: u16,
    rewrite: Option<Box<Rewrite>>,
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Debug)]
struct State {
    mode: Mode,
    /// The number of cuts. Each connection remembers the number at which it was accepted, so that a
    /// cut also closes connections that are not forwarded yet.
    cuts: u64,
    connections: Vec<Weak<Connection>>,
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Mode {
    Passes,
    HoldsBack,
    Cut,
}

/// The ends of one connection.
#[derive(Debug)]
struct Connection {
    client: TcpStream,
    server: TcpStream,
    closed: AtomicBool,
}

impl Proxy {
    /// Starts a proxy that forwards to this port. No server needs to listen there yet: a connection
    /// that cannot be forwarded is closed.
    pub fn to(port: u16) -> Self {
        Self::with(port, None)
    }

    /// Starts a proxy that changes the server's data in place; see [`Rewrite`].
    pub(crate) fn rewriting(port: u16, rewrite: impl Fn(&mut [u8]) -> usize + Send + Sync + 'static) -> Self {
        Self::with(port, Some(Box::new(rewrite)))
    }

    fn with(port: u16, rewrite: Option<Box<Rewrite>>) -> Self {
        let state = State { mode: Mode::Cut, cuts: 0, connections: Vec::new() };
        let link = Link { to: port, rewrite, state: Mutex::new(state), changed: Condvar::new() };
        let link = Arc::new(link);
        let proxy = Self { port: Port::free(), link, accepting: Mutex::new(None) };
        proxy.pass();
        proxy
    }

    /// The port of the proxy on 127.0.0.1, which does not change.
    pub fn port(&self) -> u16 {
        self.port.number()
    }

    /// Closes every connection and refuses new ones.
    pub fn cut(&self) {
        let mut accepting = self.accepting.lock().unwrap_or_else(PoisonError::into_inner);
        let mut state = self.link.state();
        state.mode = Mode::Cut;
        state.cuts += 1;
        for connection in state.connections.drain(..).filter_map(|connection| connection.upgrade()) {
            connection.close();
        }
        drop(state);
        self.link.changed.notify_all();
        if let Some(thread) = accepting.take() {
            // The thread blocks in `accept`. A connection makes it check the mode and end.
            let connect = || TcpStream::connect((Ipv4Addr::LOCALHOST, self.port()));
            let _ = connect();
            let _ = thread.join();
            // If another thread spawns a process, that process has the listener as well until its
            // exec, and connections may still be accepted.
            wait_until("connections are refused", || connect().is_err());
        }
    }

    /// Keeps connections open and forwards nothing, like a network that loses every packet. New
    /// connections are accepted and get no data either. Data sent meanwhile is held back, not lost:
    /// it arrives after [`pass`](Self::pass).
    pub fn hold_back(&self) {
        self.forward(Mode::HoldsBack);
    }

    /// Forwards all data again, as after the start.
    pub fn pass(&self) {
        self.forward(Mode::Passes);
    }

    fn forward(&self, mode: Mode) {
        let mut accepting = self.accepting.lock().unwrap_or_else(PoisonError::into_inner);
        self.link.state().mode = mode;
        self.link.changed.notify_all();
        accepting.get_or_insert_with(|| {
            let (listener, link) = (self.port.listen(), Arc::clone(&self.link));
            thread::spawn(move || {
                for client in listener.incoming().flatten() {
                    let State { mode, cuts, .. } = *link.state();
                    if mode == Mode::Cut {
                        return;
                    }
                    let link = Arc::clone(&link);
                    thread::spawn(move || link.carry(client, cuts));
                }
            })
        });
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.cut();
    }
}

impl fmt::Debug for Link {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Link").field("to", &self.to).field("state", &self.state).finish_non_exhaustive()
    }
}

impl Link {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits while data is held back and the connection is not closed.
    fn wait(&self, closed: impl Fn() -> bool) {
        let state = self.state();
        let holds_back = |state: &mut State| state.mode == Mode::HoldsBack && !closed();
        drop(self.changed.wait_while(state, holds_back));
    }

    fn carry(&self, client: TcpStream, cuts: u64) {
        // While data is held back, the server must not see a new connection either.
        self.wait(|| false);
        let Ok(server) = TcpStream::connect((Ipv4Addr::LOCALHOST, self.to)) else { return };
        let _ = (client.set_nodelay(true), server.set_nodelay(true));
        let connection = Arc::new(Connection { client, server, closed: AtomicBool::new(false) });
        {
            let mut state = self.state();
            if state.cuts != cuts {
                return;
            }
            state.connections.retain(|connection| connection.strong_count() > 0);
            state.connections.push(Arc::downgrade(&connection));
        }
        thread::scope(|scope| {
            scope.spawn(|| self.pump(&connection, &connection.client, &connection.server, None));
            self.pump(&connection, &connection.server, &connection.client, self.rewrite.as_deref());
        });
    }

    fn pump(
        &self,
        connection: &Connection,
        mut from: &TcpStream,
        mut to: &TcpStream,
        rewrite: Option<&Rewrite>,
    ) {
        let mut buffer = [0; 16 * 1024];
        let mut held = 0;
        loop {
            let read = from.read(&mut buffer[held..]);
            // While data is held back, the end of a connection is not forwarded either.
            self.wait(|| connection.closed.load(Ordering::Acquire));
            let Ok(n @ 1..) = read else { return connection.close() };
            let data = &mut buffer[..held + n];
            let passes = rewrite.map_or(data.len(), |rewrite| rewrite(data));
            if to.write_all(&data[..passes]).is_err() {
                return connection.close();
            }
            held = data.len() - passes;
            buffer.copy_within(passes..passes + held, 0);
        }
    }
}

impl Connection {
    fn close(&self) {
        self.closed.store(true, Ordering::Release);
        let _ = (self.client.shutdown(Shutdown::Both), self.server.shutdown(Shutdown::Both));
    }
}
