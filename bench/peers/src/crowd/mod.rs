//! The clients: thousands of sockets on one thread.

mod socket;
mod watch;

pub use watch::Watch;

use crate::protocol::Protocol;
use crate::{Outcome, frame};
use mio::{Events, Interest, Poll, Token};
use socket::{Phase, Socket};
use std::net::SocketAddr;
use std::time::{Duration, Instant};

/// The maximum number of concurrent handshakes.
const SHAKING: usize = 256;
/// The interval of keep-alive frames, for protocols that need them.
const KEEP_ALIVE: Duration = Duration::from_secs(20);
/// The timeout of everything that a server is expected to do.
pub const PATIENCE: Duration = Duration::from_mins(1);

/// Sockets to one or more processes of a peer. A socket is identified by its index.
pub struct Crowd {
    protocol: &'static dyn Protocol,
    path: String,
    poll: Poll,
    events: Events,
    buffer: Vec<u8>,
    sockets: Vec<Socket>,
    shaking: usize,
    kept_alive_at: Instant,
    /// The number of messages that all sockets have received.
    pub messages: usize,
}

impl Crowd {
    pub fn new(protocol: &'static dyn Protocol, path: &str) -> Outcome<Self> {
        Ok(Self {
            protocol,
            path: path.to_owned(),
            poll: Poll::new()?,
            events: Events::with_capacity(1024),
            buffer: vec![0; 256 * 1024],
            sockets: Vec::new(),
            shaking: 0,
            kept_alive_at: Instant::now(),
            messages: 0,
        })
    }

    pub fn protocol(&self) -> &'static dyn Protocol {
        self.protocol
    }

    /// Opens a socket that sends these frames once the server is ready. Waits only while too many
    /// handshakes are in progress.
    pub fn open(&mut self, address: SocketAddr, commands: &[String]) -> Outcome<usize> {
        if !self.until(PATIENCE, |crowd| crowd.shaking < SHAKING)? {
            return Err(format!("not within {} s: handshakes are answered", PATIENCE.as_secs()).into());
        }
        let mut socket = Socket::connect(address, &self.path, commands)?;
        let at = self.sockets.len();
        self.poll.registry().register(socket.source()?, Token(at), Interest::READABLE)?;
        self.sockets.push(socket);
        self.shaking += 1;
        Ok(at)
    }

    /// Opens a socket whose view of its room is recorded.
    pub fn open_watched(&mut self, address: SocketAddr, commands: &[String]) -> Outcome<usize> {
        let at = self.open(address, commands)?;
        self.sockets[at].watch = Some(Box::default());
        Ok(at)
    }

    /// Waits until no socket is being opened.
    pub fn opened(&mut self) -> Outcome {
        if self.until(PATIENCE, |crowd| crowd.shaking == 0)? {
            let refusal = self.sockets.iter_mut().find_map(|socket| socket.refusal.take());
            return refusal.map_or(Ok(()), |refusal| Err(format!("no socket was opened: {refusal}").into()));
        }
        Err(format!("{} sockets were not opened within {} s", self.shaking, PATIENCE.as_secs()).into())
    }

    /// Sends a command on a socket that is ready.
    pub fn send(&mut self, at: usize, command: &str) -> Outcome {
        let socket = &mut self.sockets[at];
        let frame = socket.frame(command, self.protocol)?;
        socket.send(&frame);
        Ok(())
    }

    /// Closes a socket as a page does that is closed.
    pub fn close(&mut self, at: usize) {
        let was_shaking = self.sockets[at].close();
        self.shaking -= usize::from(was_shaking);
    }

    /// The view of a watched socket.
    ///
    /// # Panics
    /// If the socket is not watched.
    #[expect(clippy::expect_used, reason = "scenarios ask only for sockets that they watch")]
    pub fn watch(&self, at: usize) -> &Watch {
        self.sockets[at].watch.as_ref().expect("a watched socket")
    }

    /// The number of sockets that were closed by a server.
    pub fn lost(&self) -> usize {
        self.sockets.iter().filter(|socket| socket.phase == Phase::Lost).count()
    }

    /// Whether this socket was closed by the server.
    pub fn is_lost(&self, at: usize) -> bool {
        self.sockets[at].phase == Phase::Lost
    }

    /// Reads until a condition holds. Returns whether it held in time.
    pub fn until(&mut self, patience: Duration, is_so: impl Fn(&Self) -> bool) -> Outcome<bool> {
        let end = Instant::now() + patience;
        loop {
            if is_so(self) {
                return Ok(true);
            }
            if Instant::now() > end {
                return Ok(false);
            }
            self.pump(Duration::from_millis(10))?;
        }
    }

    /// Reads for a duration.
    pub fn read_for(&mut self, time: Duration) -> Outcome {
        let end = Instant::now() + time;
        while let Some(left) = end.checked_duration_since(Instant::now()) {
            self.pump(left.min(Duration::from_millis(20)))?;
        }
        Ok(())
    }

    /// Reads what has arrived, or waits for at most `wait`.
    pub fn pump(&mut self, wait: Duration) -> Outcome {
        if self.kept_alive_at.elapsed() > KEEP_ALIVE {
            self.keep_alive();
        }
        self.poll.poll(&mut self.events, Some(wait))?;
        for event in &self.events {
            let socket = &mut self.sockets[event.token().0];
            let was_shaking = socket.is_shaking();
            self.messages += socket.read(&mut self.buffer, self.protocol)?;
            self.shaking -= usize::from(was_shaking && !socket.is_shaking());
        }
        Ok(())
    }

    fn keep_alive(&mut self) {
        self.kept_alive_at = Instant::now();
        let Some(text) = self.protocol.keep_alive() else { return };
        let frame = frame::text(text);
        self.sockets
            .iter_mut()
            .filter(|socket| socket.phase == Phase::Ready)
            .for_each(|socket| socket.send(&frame));
    }
}
