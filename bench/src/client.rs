//! Keep-alive connections, each with one request in flight.

use crate::Outcome;
use crate::requests::Requests;
use mio::net::TcpStream;
use mio::{Events, Interest, Poll, Token};
use std::io::{ErrorKind, Read, Write};
use std::net::SocketAddr;

pub struct Client {
    poll: Poll,
    connections: Vec<Connection>,
}

struct Connection {
    stream: TcpStream,
    /// The number of response bytes still to come.
    left: usize,
}

impl Client {
    pub fn connect(address: SocketAddr, connections: usize) -> Outcome<Self> {
        let poll = Poll::new()?;
        let connections = (0..connections).map(|n| {
            let stream = std::net::TcpStream::connect(address)?;
            stream.set_nodelay(true)?;
            stream.set_nonblocking(true)?;
            let mut stream = TcpStream::from_std(stream);
            poll.registry().register(&mut stream, Token(n), Interest::READABLE)?;
            Ok(Connection { stream, left: 0 })
        });
        let connections = connections.collect::<Outcome<_>>()?;
        Ok(Self { poll, connections })
    }

    /// Sends all requests, and waits for all responses.
    pub fn send(&mut self, requests: &Requests) -> Outcome {
        let (mut next, mut under_way) = (requests.iter(), 0);
        for connection in &mut self.connections {
            if let Some(request) = next.next() {
                connection.stream.write_all(request)?;
                under_way += 1;
            }
        }
        // A response must be read completely, because edge-triggered events come only once.
        let (mut events, mut buffer) = (Events::with_capacity(1024), vec![0; 64 * 1024]);
        while under_way > 0 {
            self.poll.poll(&mut events, None)?;
            for event in &events {
                let connection = &mut self.connections[event.token().0];
                if !connection.answered(&mut buffer)? {
                    continue;
                }
                match next.next() {
                    Some(request) => connection.stream.write_all(request)?,
                    None => under_way -= 1,
                }
            }
        }
        Ok(())
    }
}

impl Connection {
    /// Whether the response is complete. Its head must arrive in one piece.
    fn answered(&mut self, buffer: &mut [u8]) -> Outcome<bool> {
        let read = match self.stream.read(buffer) {
            Ok(0) => return Err("the server closed a connection".into()),
            Ok(read) => read,
            Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(false),
            Err(error) => return Err(error.into()),
        };
        if self.left == 0 {
            if !buffer.starts_with(b"HTTP/1.1 200 ") && !buffer.starts_with(b"HTTP/1.1 204 ") {
                return Err(String::from_utf8_lossy(&buffer[..read]).into());
            }
            self.left = length(&buffer[..read]);
        }
        self.left = self.left.checked_sub(read).ok_or("a response is longer than its length")?;
        Ok(self.left == 0)
    }
}

/// The length of a response that starts with these bytes.
fn length(start: &[u8]) -> usize {
    let place = |text: &[u8]| Some(start.windows(text.len()).position(|part| part == text)? + text.len());
    let body =
        place(b"content-length: ").map(|at| start[at..].iter().take_while(|byte| byte.is_ascii_digit()));
    let body =
        body.map_or(0, |digits| digits.fold(0, |number, digit| number * 10 + usize::from(digit - b'0')));
    place(b"\r\n\r\n").unwrap_or(start.len()) + body
}
