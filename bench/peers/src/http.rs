//! HTTP requests over keep-alive connections.

use crate::Outcome;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

pub struct Connection {
    stream: TcpStream,
    address: SocketAddr,
    buffer: Vec<u8>,
}

impl Connection {
    pub fn open(address: SocketAddr) -> Outcome<Self> {
        let stream = TcpStream::connect(address)?;
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(Duration::from_mins(1)))?;
        Ok(Self { stream, address, buffer: Vec::new() })
    }

    pub fn get(&mut self, path: &str) -> Outcome<String> {
        let head = format!("GET {path} HTTP/1.1\r\nhost: {}\r\n\r\n", self.address);
        self.stream.write_all(head.as_bytes())?;
        self.answer()
    }

    /// Sends a request. The caller reads the response with [`answer`](Self::answer).
    pub fn post(&mut self, path: &str, body: &str) -> Outcome {
        let request = format!(
            "POST {path} HTTP/1.1\r\nhost: {}\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n{body}",
            self.address,
            body.len()
        );
        Ok(self.stream.write_all(request.as_bytes())?)
    }

    /// Reads a response of 200 and returns its body.
    pub fn answer(&mut self) -> Outcome<String> {
        self.buffer.clear();
        loop {
            if let Some((body, len)) = head(&self.buffer)? {
                while self.buffer.len() < body + len {
                    self.more()?;
                }
                return Ok(String::from_utf8(self.buffer[body..body + len].to_vec())?);
            }
            self.more()?;
        }
    }

    fn more(&mut self) -> Outcome {
        let mut part = [0; 16 * 1024];
        match self.stream.read(&mut part)? {
            0 => Err("the server closed a connection".into()),
            len => {
                self.buffer.extend_from_slice(&part[..len]);
                Ok(())
            }
        }
    }
}

/// The offset and length of the body, if the head is complete.
fn head(bytes: &[u8]) -> Outcome<Option<(usize, usize)>> {
    let Some(end) = bytes.windows(4).position(|four| four == b"\r\n\r\n") else { return Ok(None) };
    let text = std::str::from_utf8(&bytes[..end])?;
    if !text.starts_with("HTTP/1.1 200") {
        return Err(String::from_utf8_lossy(bytes).into());
    }
    let mut lengths = text.lines().filter_map(|line| {
        let (name, value) = line.split_once(':')?;
        name.eq_ignore_ascii_case("content-length").then(|| value.trim().parse())
    });
    let len = lengths.next().transpose()?.ok_or("a response has no length")?;
    Ok(Some((end + 4, len)))
}

#[cfg(test)]
mod tests {
    use super::head;

    #[test]
    fn a_head_says_how_long_the_body_is() {
        assert_eq!(head(b"HTTP/1.1 200 OK\r\n").unwrap(), None);
        assert_eq!(head(b"HTTP/1.1 200 OK\r\nContent-Length: 7\r\n\r\n{").unwrap(), Some((38, 7)));
        assert!(head(b"HTTP/1.1 429 Too Many\r\ncontent-length: 0\r\n\r\n").is_err());
    }
}
