//! Keep-alive connections, each with one request under way.

use super::requests::Requests;
use crate::Outcome;
use mio::net::TcpStream;
use mio::{Events, Interest, Poll, Token};
use std::io::{ErrorKind, Read, Write};
use std::net::SocketAddr;

pub struct Client {
    poll: Poll,
    connections: Vec<Connection>,
    /// How long every answer is, once there was one.
    answer: Option<usize>,
}

struct Connection {
    stream: TcpStream,
    /// How much of the answer has come.
    got: usize,
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
            Ok(Connection { stream, got: 0 })
        });
        let connections = connections.collect::<Outcome<_>>()?;
        Ok(Self { poll, connections, answer: None })
    }

    /// Sends all of them, and waits until all are answered.
    pub fn send(&mut self, requests: &Requests) -> Outcome {
        let (mut next, mut under_way) = (requests.iter(), 0);
        for connection in &mut self.connections {
            if let Some(request) = next.next() {
                connection.stream.write_all(request)?;
                under_way += 1;
            }
        }
        let (mut events, mut buffer) = (Events::with_capacity(1024), vec![0; 16 * 1024]);
        while under_way > 0 {
            self.poll.poll(&mut events, None)?;
            for event in &events {
                let connection = &mut self.connections[event.token().0];
                if !connection.answered(&mut buffer, &mut self.answer)? {
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
    /// Whether the answer is all there. Each is as long as the first, whose head and body come in one piece.
    fn answered(&mut self, buffer: &mut [u8], answer: &mut Option<usize>) -> Outcome<bool> {
        let read = match self.stream.read(buffer) {
            Ok(0) => return Err("the server closed a connection".into()),
            Ok(read) => read,
            Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(false),
            Err(error) => return Err(error.into()),
        };
        if self.got == 0 && !buffer.starts_with(b"HTTP/1.1 200 ") && !buffer.starts_with(b"HTTP/1.1 204 ") {
            return Err(String::from_utf8_lossy(&buffer[..read]).into());
        }
        self.got += read;
        let whole = self.got.cmp(answer.get_or_insert(read));
        if whole.is_gt() {
            return Err("an answer is longer than the first".into());
        }
        if whole.is_eq() {
            self.got = 0;
        }
        Ok(whole.is_eq())
    }
}
