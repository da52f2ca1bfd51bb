//! Viewers of jobs, all on one thread, and a publisher.

use crate::{Outcome, cpu};
use mio::net::TcpStream;
use mio::{Events, Interest, Poll, Token};
use std::io::{ErrorKind, Read, Write};
use std::net::SocketAddr;
use std::time::Duration;

/// Occurs once in each event with data.
const DATA: &[u8] = b"\ndata: ";

pub struct Viewers {
    poll: Poll,
    events: Events,
    buffer: Vec<u8>,
    open: Vec<Viewer>,
    /// Events that were received but not taken yet.
    got: usize,
}

struct Viewer {
    stream: TcpStream,
    /// The last bytes read, in which `DATA` may begin.
    carry: Vec<u8>,
}

impl Viewers {
    /// Opens the streams of these jobs; each is open when its first line has arrived.
    pub fn open<'a>(address: SocketAddr, jobs: impl Iterator<Item = &'a str>) -> Outcome<Self> {
        let poll = Poll::new()?;
        let mut open = Vec::new();
        for job in jobs {
            let mut stream = begin(address, job, "")?;
            until(&mut stream, b"retry: 2000\n\n", 1)?;
            stream.set_nonblocking(true)?;
            let mut stream = TcpStream::from_std(stream);
            poll.registry().register(&mut stream, Token(open.len()), Interest::READABLE)?;
            open.push(Viewer { stream, carry: Vec::new() });
        }
        let events = Events::with_capacity(open.len());
        Ok(Self { poll, events, buffer: vec![0; 64 * 1024], open, got: 0 })
    }

    /// Reads until this many events have arrived, and takes them.
    pub fn take(&mut self, events: usize, within: Duration) -> Outcome {
        let until = cpu::wall() + u64::try_from(within.as_nanos())?;
        while self.got < events {
            self.pump(Duration::from_millis(100))?;
            if cpu::wall() > until {
                return Err(format!("{} of {events} events came", self.got).into());
            }
        }
        self.got -= events;
        Ok(())
    }

    /// Reads what is available.
    pub fn glance(&mut self) -> Outcome {
        self.pump(Duration::ZERO)
    }

    fn pump(&mut self, within: Duration) -> Outcome {
        self.poll.poll(&mut self.events, Some(within))?;
        for event in &self.events {
            let Token(n) = event.token();
            let viewer = &mut self.open[n];
            loop {
                let read = match viewer.stream.read(&mut self.buffer) {
                    Ok(0) => return Err("the server closed a stream".into()),
                    Ok(read) => read,
                    Err(error) if error.kind() == ErrorKind::WouldBlock => break,
                    Err(error) => return Err(error.into()),
                };
                viewer.carry.extend_from_slice(&self.buffer[..read]);
                self.got += count(&viewer.carry, DATA);
                let kept = viewer.carry.len().saturating_sub(DATA.len() - 1);
                viewer.carry.drain(..kept);
                if read < self.buffer.len() {
                    break;
                }
            }
        }
        Ok(())
    }
}

fn count(text: &[u8], part: &[u8]) -> usize {
    text.windows(part.len()).filter(|window| *window == part).count()
}

/// Opens a stream, with additional lines in the head.
fn begin(address: SocketAddr, job: &str, head: &str) -> Outcome<std::net::TcpStream> {
    let mut stream = std::net::TcpStream::connect(address)?;
    stream.set_read_timeout(Some(Duration::from_secs(10)))?;
    let request = format!("GET /api/v1/jobs/{job}/events HTTP/1.1\r\nhost: here.example\r\n{head}\r\n");
    stream.write_all(request.as_bytes())?;
    Ok(stream)
}

/// Reads until `part` has occurred this many times.
fn until(stream: &mut std::net::TcpStream, part: &[u8], times: usize) -> Outcome<Vec<u8>> {
    let (mut text, mut buffer) = (Vec::new(), [0; 8192]);
    while count(&text, part) < times {
        let read = stream.read(&mut buffer)?;
        if read == 0 {
            return Err(format!("a stream ended: {}", String::from_utf8_lossy(&text)).into());
        }
        text.extend_from_slice(&buffer[..read]);
    }
    Ok(text)
}

/// The id of the latest event.
pub fn first_id(address: SocketAddr, job: &str) -> Outcome<String> {
    let text = until(&mut begin(address, job, "")?, DATA, 1)?;
    let text = String::from_utf8(text)?;
    let id = text.lines().find_map(|line| line.strip_prefix("id: ")).ok_or("no id")?;
    Ok(id.to_owned())
}

/// Resumes after this event, reads this many events, and disconnects.
pub fn resume(address: SocketAddr, job: &str, id: &str, events: usize) -> Outcome {
    let mut stream = begin(address, job, &format!("last-event-id: {id}\r\n"))?;
    until(&mut stream, DATA, events).map(drop)
}

/// Sends a request on a connection of its own.
pub fn get(address: SocketAddr, path: &str) -> Outcome {
    let mut stream = std::net::TcpStream::connect(address)?;
    stream.write_all(format!("GET {path} HTTP/1.1\r\nhost: here.example\r\n\r\n").as_bytes())?;
    until(&mut stream, b"HTTP/1.1 200 ", 1).map(drop)
}

/// Publishes updates over one connection.
pub struct Publisher(std::net::TcpStream);

impl Publisher {
    pub fn to(address: SocketAddr) -> Outcome<Self> {
        let stream = std::net::TcpStream::connect(address)?;
        stream.set_nodelay(true)?;
        Ok(Self(stream))
    }

    /// Publishes an update with a frame of some 200 B. Returns once it is stored.
    pub fn update(&mut self, job: &str, step: usize) -> Outcome {
        let progress = step % 100;
        let body = format!(
            r#"{{"status":"processing","progress":{progress},"stage":"processing-articles","message":"of 12","timestamp":"2026-01-02T03:04:05.678Z"}}"#
        );
        let length = body.len();
        let request = format!(
            "POST /api/v1/jobs/{job}/updates HTTP/1.1\r\nhost: here.example\r\ncontent-length: {length}\r\n\r\n{body}"
        );
        self.0.write_all(request.as_bytes())?;
        let mut answer = [0; 4096];
        let read = self.0.read(&mut answer)?;
        if answer[..read].starts_with(b"HTTP/1.1 202 ") {
            return Ok(());
        }
        Err(String::from_utf8_lossy(&answer[..read]).into())
    }
}
