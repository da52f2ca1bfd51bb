//! A client that writes what it likes, byte by byte.

use super::client::PATIENCE;
use std::net::SocketAddr;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

pub const CONTINUATION: u8 = 0;
pub const TEXT: u8 = 1;
pub const BINARY: u8 = 2;
pub const CLOSE: u8 = 8;
pub const PING: u8 = 9;
pub const PONG: u8 = 10;
pub const FINAL: u8 = 0x80;

/// The head of a handshake that is in order.
pub const HEAD: &str = "host: test\r\nconnection: keep-alive, Upgrade\r\nupgrade: WebSocket\r\n\
    sec-websocket-version: 13\r\nsec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\n";

pub struct Raw(TcpStream);

/// What the server has sent: a frame, or the end of the connection.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Got {
    Frame(u8, Vec<u8>),
    End,
}

/// The head of the answer to a handshake.
pub async fn handshake(address: SocketAddr, path: &str, head: &str) -> (Raw, String) {
    let mut stream = TcpStream::connect(address).await.unwrap();
    stream.set_nodelay(true).unwrap();
    stream.write_all(format!("GET {path} HTTP/1.1\r\n{head}\r\n").as_bytes()).await.unwrap();
    let mut answer = Vec::new();
    while !answer.ends_with(b"\r\n\r\n") {
        answer.push(stream.read_u8().await.unwrap());
    }
    (Raw(stream), String::from_utf8(answer).unwrap())
}

/// A masked frame: `first` is the first byte, with its flags.
pub fn frame(first: u8, payload: &[u8]) -> Vec<u8> {
    let mut bytes = vec![first];
    match payload.len() {
        len @ 0..=125 => bytes.push(0x80 | u8::try_from(len).unwrap()),
        len @ 126..=0xffff => {
            bytes.push(0x80 | 0x7e);
            bytes.extend(u16::try_from(len).unwrap().to_be_bytes());
        }
        len => {
            bytes.push(0x80 | 0x7f);
            bytes.extend((len as u64).to_be_bytes());
        }
    }
    let mask = [0x12, 0x34, 0xab, 0xcd];
    bytes.extend(mask);
    bytes.extend(payload.iter().enumerate().map(|(at, byte)| byte ^ mask[at % 4]));
    bytes
}

/// A close frame's payload.
pub fn close(code: u16, reason: &[u8]) -> Vec<u8> {
    [&code.to_be_bytes(), reason].concat()
}

impl Raw {
    pub async fn write(&mut self, bytes: &[u8]) {
        self.0.write_all(bytes).await.unwrap();
    }

    /// Writes each byte by itself.
    pub async fn write_slowly(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.write(&[*byte]).await;
            tokio::task::yield_now().await;
        }
    }

    pub async fn read(&mut self) -> Got {
        tokio::time::timeout(PATIENCE, self.read_frame()).await.expect("nothing came").unwrap_or(Got::End)
    }

    async fn read_frame(&mut self) -> std::io::Result<Got> {
        let first = self.0.read_u8().await?;
        assert_eq!(first & 0xf0, FINAL, "one whole frame without extensions");
        let len = match self.0.read_u8().await? {
            126 => usize::from(self.0.read_u16().await?),
            127 => usize::try_from(self.0.read_u64().await?).unwrap(),
            len => usize::from(len),
        };
        let mut payload = vec![0; len];
        self.0.read_exact(&mut payload).await?;
        Ok(Got::Frame(first & 0x0f, payload))
    }

    /// The code that the server closes with; then the connection must end.
    pub async fn closes(&mut self) -> Option<u16> {
        let code = match self.read().await {
            Got::Frame(CLOSE, payload) => payload.first_chunk().map(|code| u16::from_be_bytes(*code)),
            other => panic!("no close frame but {other:?}"),
        };
        assert_eq!(self.read().await, Got::End, "the server ends the connection");
        code
    }
}
