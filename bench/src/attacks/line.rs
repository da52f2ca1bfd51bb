//! A keep-alive connection from a chosen address.

use std::io::{Error, ErrorKind, Result};
use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpSocket, TcpStream};
use tokio::time::timeout;

/// The time limit for a response.
pub const PATIENCE: Duration = Duration::from_secs(10);

pub struct Line {
    stream: TcpStream,
    /// Bytes that were read but not processed yet.
    read: Vec<u8>,
    buffer: Box<[u8]>,
}

impl Line {
    /// Connects from this address of the loopback network, so that the server can
    /// tell clients apart.
    pub async fn open(from: Ipv4Addr, to: SocketAddr) -> Result<Self> {
        let socket = TcpSocket::new_v4()?;
        socket.bind((from, 0).into())?;
        let stream = timeout(PATIENCE, socket.connect(to)).await??;
        stream.set_nodelay(true)?;
        Ok(Self { stream, read: Vec::new(), buffer: vec![0; 16 * 1024].into() })
    }

    /// Sends without waiting for the response.
    pub async fn send(&mut self, request: &[u8]) -> Result<()> {
        self.stream.write_all(request).await
    }

    /// Sends a request and reads the whole response. Returns its status and its length.
    pub async fn ask(&mut self, request: &[u8]) -> Result<(u16, usize)> {
        timeout(PATIENCE, async {
            self.send(request).await?;
            self.answer().await
        })
        .await?
    }

    async fn answer(&mut self) -> Result<(u16, usize)> {
        let head = loop {
            if let Some(end) = self.read.windows(4).position(|four| four == b"\r\n\r\n") {
                break end + 4;
            }
            self.more().await?;
        };
        let text = String::from_utf8_lossy(&self.read[..head]).to_ascii_lowercase();
        let status = text.get(9..12).and_then(|status| status.parse().ok());
        let status = status.ok_or_else(|| Error::from(ErrorKind::InvalidData))?;
        let length = text.lines().find_map(|line| line.strip_prefix("content-length: "));
        let length: usize = length.and_then(|length| length.trim().parse().ok()).unwrap_or(0);
        let mut left = (head + length).saturating_sub(self.read.len());
        self.read.clear();
        while left > 0 {
            let most = left.min(self.buffer.len());
            let read = self.stream.read(&mut self.buffer[..most]).await?;
            left -= if read == 0 { return Err(ErrorKind::UnexpectedEof.into()) } else { read };
        }
        Ok((status, length))
    }

    /// One read of a few bytes.
    async fn more(&mut self) -> Result<()> {
        let read = self.stream.read(&mut self.buffer).await?;
        if read == 0 {
            return Err(ErrorKind::UnexpectedEof.into());
        }
        self.read.extend_from_slice(&self.buffer[..read]);
        Ok(())
    }

    /// Reads one line of a stream. Returns whether it starts an event.
    pub async fn event(&mut self) -> Result<bool> {
        loop {
            if let Some(end) = self.read.iter().position(|byte| *byte == b'\n') {
                let begins = self.read.starts_with(b"data: ");
                self.read.drain(..=end);
                return Ok(begins);
            }
            self.more().await?;
        }
    }

    /// Reads at most this many bytes. Returns whether the connection is still open.
    pub async fn sip(&mut self, bytes: usize) -> bool {
        let most = bytes.min(self.buffer.len());
        !matches!(self.stream.read(&mut self.buffer[..most]).await, Ok(0) | Err(_))
    }
}

/// A `GET` of this path.
pub fn get(path: &str) -> Vec<u8> {
    format!("GET {path} HTTP/1.1\r\nhost: here.example\r\n\r\n").into_bytes()
}

/// A hit with this body.
pub fn hit(body: &str) -> Vec<u8> {
    let head = "POST /v1/hit HTTP/1.1\r\nhost: here.example\r\ncontent-length:";
    format!("{head} {}\r\n\r\n{body}", body.len()).into_bytes()
}
