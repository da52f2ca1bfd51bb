//! Members of the room, all on one thread.

use super::{FRAME, TICK};
use crate::{Outcome, cpu};
use mio::net::TcpStream;
use mio::{Events, Interest, Poll, Token};
use std::io::{ErrorKind, Read, Write};
use std::net::SocketAddr;
use std::time::Duration;

/// The protocol of the sockets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Speech {
    Ours,
    /// Events of socket.io 5 on engine.io 4, by WebSocket from the start.
    SocketIo,
}

/// The ping of engine.io 4, and the pong that it requires.
const PING: &[u8] = b"2";
const PONG: &str = "3";

pub struct Readers {
    poll: Poll,
    events: Events,
    buffer: Vec<u8>,
    open: Vec<Reader>,
    speech: Speech,
    /// The number of messages of all members together.
    got: usize,
}

struct Reader {
    stream: TcpStream,
    /// The part of a frame that has arrived so far.
    part: Vec<u8>,
}

impl Readers {
    /// Opens the sockets.
    pub fn connect(address: SocketAddr, readers: usize, speech: Speech) -> Outcome<Self> {
        let poll = Poll::new()?;
        let mut open = Vec::with_capacity(readers);
        for n in 0..readers {
            let mut stream = std::net::TcpStream::connect(address)?;
            stream.set_read_timeout(Some(Duration::from_secs(5)))?;
            stream.write_all(speech.request().as_bytes())?;
            head(&mut stream)?;
            if speech == Speech::SocketIo {
                stream.write_all(&masked("40"))?;
            }
            stream.set_nonblocking(true)?;
            let mut stream = TcpStream::from_std(stream);
            poll.registry().register(&mut stream, Token(n), Interest::READABLE)?;
            open.push(Reader { stream, part: Vec::new() });
        }
        Ok(Self {
            poll,
            events: Events::with_capacity(readers),
            buffer: vec![0; 256 * 1024],
            open,
            speech,
            got: 0,
        })
    }

    /// All members enter the room, as after a restart.
    pub fn enter(&mut self) -> Outcome {
        for reader in &mut self.open {
            let user = reader.stream.local_addr()?.port();
            let entering = match self.speech {
                Speech::Ours => {
                    let enter = format!(r#"{{"type":"enter","user":"{user}","topics":["room"]}}"#);
                    [masked(&enter), masked(r#"{"type":"subscribe","topics":["room"]}"#)].concat()
                }
                Speech::SocketIo => masked(&format!(r#"42["enter","{user}","room",false]"#)),
            };
            reader.stream.write_all(&entering)?;
        }
        Ok(())
    }

    /// Reads until only messages arrive.
    pub fn drain(&mut self) -> Outcome {
        let until = cpu::wall() + 1_500_000_000;
        while cpu::wall() < until {
            self.pump(TICK / 4)?;
        }
        Ok(())
    }

    /// Reads for this long. Returns the number of messages.
    pub fn read(&mut self, time: Duration) -> Outcome<usize> {
        self.got = 0;
        let until = cpu::wall() + u64::try_from(time.as_nanos())?;
        while cpu::wall() < until {
            self.pump(TICK / 4)?;
        }
        if self.got == 0 {
            return Err("no messages came".into());
        }
        Ok(self.got)
    }

    fn pump(&mut self, wait: Duration) -> Outcome {
        self.poll.poll(&mut self.events, Some(wait))?;
        for event in &self.events {
            let Some(reader) = self.open.get_mut(event.token().0) else { continue };
            loop {
                match reader.stream.read(&mut self.buffer) {
                    Ok(0) => return Err("the server closed a socket".into()),
                    Ok(len) => self.got += reader.take(&self.buffer[..len]),
                    Err(error) if error.kind() == ErrorKind::WouldBlock => break,
                    Err(error) => return Err(error.into()),
                }
            }
        }
        Ok(())
    }
}

impl Reader {
    /// Takes bytes. Returns how many frames of the size of a message end in them.
    fn take(&mut self, bytes: &[u8]) -> usize {
        self.part.extend_from_slice(bytes);
        let (mut at, mut messages) = (0, 0);
        while let Some(len) = frame(&self.part[at..]) {
            if self.part[at..at + len].strip_prefix(&[0x81, 1]) == Some(PING) {
                // The socket has room for these few bytes.
                let _ = self.stream.write(&masked(PONG));
            }
            messages += usize::from((FRAME / 2..FRAME * 2).contains(&len));
            at += len;
        }
        self.part.drain(..at);
        if self.part.is_empty() {
            self.part = Vec::new();
        }
        messages
    }
}

impl Speech {
    fn request(self) -> String {
        let path = match self {
            Self::Ours => "/v1/ws",
            Self::SocketIo => "/socket.io/?EIO=4&transport=websocket",
        };
        format!(
            "GET {path} HTTP/1.1\r\nhost: here.example\r\nconnection: upgrade\r\nupgrade: websocket\r\n\
             sec-websocket-version: 13\r\nsec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
        )
    }
}

/// The length of the frame at the start of these bytes, if it is complete.
fn frame(bytes: &[u8]) -> Option<usize> {
    let len = match *bytes.get(1)? {
        126 => 4 + usize::from(u16::from_be_bytes(*bytes.get(2..)?.first_chunk()?)),
        127 => 10 + usize::try_from(u64::from_be_bytes(*bytes.get(2..)?.first_chunk()?)).ok()?,
        len => 2 + usize::from(len),
    };
    (len <= bytes.len()).then_some(len)
}

/// A text frame of fewer than 126 bytes, with a mask of zeros.
fn masked(text: &str) -> Vec<u8> {
    let len = u8::try_from(text.len()).unwrap_or(u8::MAX);
    [&[0x81, 0x80 | len, 0, 0, 0, 0], text.as_bytes()].concat()
}

fn head(stream: &mut std::net::TcpStream) -> Outcome {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        let mut byte = [0];
        stream.read_exact(&mut byte)?;
        head.extend(byte);
    }
    if head.starts_with(b"HTTP/1.1 101") { Ok(()) } else { Err("no socket was opened".into()) }
}
