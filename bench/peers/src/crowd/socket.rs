//! One client.

use super::Watch;
use crate::Outcome;
use crate::frame::{self, Frame, Kind};
use crate::protocol::Protocol;
use mio::net::TcpStream;
use std::io::{ErrorKind, Read, Write};
use std::net::SocketAddr;

/// The state of a socket.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Phase {
    /// The handshake is not answered yet.
    Handshake,
    /// The handshake is done; the server is not ready for more than a hello.
    Open,
    Ready,
    /// Closed by the driver.
    Closed,
    /// Closed by the server.
    Lost,
}

pub struct Socket {
    /// `None` once it is closed.
    stream: Option<TcpStream>,
    pub phase: Phase,
    /// The start of an incomplete frame.
    part: Vec<u8>,
    /// Bytes that the kernel did not accept yet.
    unsent: Vec<u8>,
    /// Frames that are sent once the server is ready.
    commands: Vec<String>,
    /// The frame that showed that the server is ready.
    greeting: String,
    /// The response of a server that refused the handshake.
    pub refusal: Option<String>,
    pub watch: Option<Box<Watch>>,
}

impl Socket {
    pub fn connect(address: SocketAddr, path: &str, commands: &[String]) -> Outcome<Self> {
        let stream = std::net::TcpStream::connect(address)?;
        stream.set_nodelay(true)?;
        stream.set_nonblocking(true)?;
        let mut socket = Self {
            stream: Some(TcpStream::from_std(stream)),
            phase: Phase::Handshake,
            part: Vec::new(),
            unsent: Vec::new(),
            commands: commands.to_vec(),
            greeting: String::new(),
            refusal: None,
            watch: None,
        };
        let request = format!(
            "GET {path} HTTP/1.1\r\nhost: {address}\r\nconnection: upgrade\r\nupgrade: websocket\r\n\
             sec-websocket-version: 13\r\nsec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
        );
        socket.send(request.as_bytes());
        Ok(socket)
    }

    pub fn source(&mut self) -> Outcome<&mut TcpStream> {
        self.stream.as_mut().ok_or_else(|| "the socket is closed".into())
    }

    pub fn is_shaking(&self) -> bool {
        matches!(self.phase, Phase::Handshake | Phase::Open)
    }

    /// Sends bytes. What the kernel does not accept is sent when the socket is read the next time.
    pub fn send(&mut self, bytes: &[u8]) {
        let Some(stream) = &mut self.stream else { return };
        self.unsent.extend_from_slice(bytes);
        while !self.unsent.is_empty() {
            match stream.write(&self.unsent) {
                Ok(sent) => drop(self.unsent.drain(..sent)),
                Err(error) if error.kind() == ErrorKind::WouldBlock => return,
                Err(_) => return self.lose(),
            }
        }
        self.unsent = Vec::new();
    }

    /// The frame of a command, signed if the protocol asks for that.
    pub fn frame(&self, command: &str, protocol: &dyn Protocol) -> Outcome<Vec<u8>> {
        let signed = protocol.signed(&self.greeting, command)?;
        Ok(frame::text(signed.as_deref().unwrap_or(command)))
    }

    /// Closes the socket. Returns whether it was still being opened.
    pub fn close(&mut self) -> bool {
        let was_shaking = self.is_shaking();
        self.send(&frame::going_away());
        self.stream = None;
        self.phase = Phase::Closed;
        was_shaking
    }

    fn lose(&mut self) {
        self.stream = None;
        self.phase = Phase::Lost;
    }

    /// Reads everything that has arrived. Returns the number of messages.
    pub fn read(&mut self, buffer: &mut [u8], protocol: &dyn Protocol) -> Outcome<usize> {
        let mut messages = 0;
        while let Some(stream) = &mut self.stream {
            match stream.read(buffer) {
                Ok(0) => self.lose(),
                Ok(len) => messages += self.take(&buffer[..len], protocol)?,
                Err(error) if error.kind() == ErrorKind::WouldBlock => break,
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(_) => self.lose(),
            }
        }
        if !self.unsent.is_empty() {
            self.send(&[]);
        }
        Ok(messages)
    }

    fn take(&mut self, bytes: &[u8], protocol: &dyn Protocol) -> Outcome<usize> {
        let mut part = std::mem::take(&mut self.part);
        // Most reads begin and end at the boundary of a frame: these bytes are not copied.
        if part.is_empty() {
            let (end, messages) = self.frames(bytes, protocol)?;
            self.part = bytes[end..].to_vec();
            return Ok(messages);
        }
        part.extend_from_slice(bytes);
        let (end, messages) = self.frames(&part, protocol)?;
        if end < part.len() {
            part.drain(..end);
            self.part = part;
        }
        Ok(messages)
    }

    /// Handles the complete frames at the start of a buffer. Returns where they end, and the number
    /// of messages.
    fn frames(&mut self, bytes: &[u8], protocol: &dyn Protocol) -> Outcome<(usize, usize)> {
        let (mut at, mut messages) = (0, 0);
        if self.phase == Phase::Handshake {
            match self.shake(bytes, protocol) {
                Some(end) => at = end,
                None => return Ok((0, 0)),
            }
        }
        while let Some(Frame { kind, start, end }) = Frame::first_of(&bytes[at..]) {
            let payload = &bytes[at + start..at + end];
            match kind {
                Kind::Text => messages += usize::from(self.handle(std::str::from_utf8(payload)?, protocol)?),
                Kind::Ping => self.send(&frame::pong(payload)),
                Kind::Close => self.lose(),
                Kind::Other => {}
            }
            at += end;
        }
        Ok((at, messages))
    }

    /// Handles the response to the handshake. Returns its end, if it is complete.
    fn shake(&mut self, bytes: &[u8], protocol: &dyn Protocol) -> Option<usize> {
        let end = bytes.windows(4).position(|four| four == b"\r\n\r\n")? + 4;
        if !bytes.starts_with(b"HTTP/1.1 101") {
            self.refusal = Some(String::from_utf8_lossy(bytes).into_owned());
            self.lose();
            return Some(bytes.len());
        }
        self.phase = Phase::Open;
        if let Some(hello) = protocol.hello() {
            self.send(&frame::text(&hello));
        }
        Some(end)
    }

    /// Handles a text frame. Returns whether it is a message.
    fn handle(&mut self, text: &str, protocol: &dyn Protocol) -> Outcome<bool> {
        if self.phase == Phase::Open && protocol.is_ready(text) {
            self.phase = Phase::Ready;
            text.clone_into(&mut self.greeting);
            let mut frames = Vec::new();
            for command in std::mem::take(&mut self.commands) {
                frames.extend(self.frame(&command, protocol)?);
            }
            self.send(&frames);
        }
        if let Some(answer) = protocol.answer(text) {
            self.send(&frame::text(answer));
        }
        if protocol.is_message(text) {
            return Ok(true);
        }
        if let Some(watch) = &mut self.watch {
            protocol.decode(text, &mut |notice| watch.apply(notice))?;
        }
        Ok(false)
    }
}
