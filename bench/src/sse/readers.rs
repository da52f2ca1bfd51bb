//! Readers of one stream, all on one thread.

use super::TICK;
use crate::{Outcome, cpu};
use mio::net::TcpStream;
use mio::{Events, Interest, Poll, Token};
use std::io::{ErrorKind, Read, Write};
use std::net::SocketAddr;
use std::time::Duration;

const REQUEST: &[u8] = b"GET /stream HTTP/1.1\r\nhost: here.example\r\naccept: text/event-stream\r\n\r\n";

pub struct Readers {
    poll: Poll,
    events: Events,
    buffer: Vec<u8>,
    open: Vec<Reader>,
    /// The size of a frame, and of its chunk, in bytes.
    pub frame: usize,
    chunk: usize,
    /// Since the readers last settled: for each frame, how many have it, and when the last of them
    /// got it.
    frames: Vec<(usize, u64)>,
    /// What the first reader has read since then, for the stamps.
    first: Vec<u8>,
}

struct Reader {
    stream: TcpStream,
    /// Bytes since they settled.
    got: usize,
}

impl Readers {
    /// Opens the streams, one after the other; each is open when its head has arrived.
    pub fn connect(address: SocketAddr, readers: usize) -> Outcome<Self> {
        let poll = Poll::new()?;
        let mut opened = Vec::with_capacity(readers);
        let mut waiting = Vec::with_capacity(readers);
        for _ in 0..readers {
            let mut stream = std::net::TcpStream::connect(address)?;
            stream.write_all(REQUEST)?;
            waiting.push(stream);
        }
        let mut chunk = (0, 0);
        for (n, mut stream) in waiting.into_iter().enumerate() {
            stream.set_read_timeout(Some(Duration::from_secs(5)))?;
            let got = head(&mut stream, &mut chunk)?;
            stream.set_nonblocking(true)?;
            let mut stream = TcpStream::from_std(stream);
            poll.registry().register(&mut stream, Token(n), Interest::READABLE)?;
            opened.push(Reader { stream, got });
        }
        let (chunk, frame) = chunk;
        Ok(Self {
            poll,
            events: Events::with_capacity(readers),
            buffer: vec![0; 256 * 1024],
            open: opened,
            frame,
            chunk,
            frames: Vec::new(),
            first: Vec::new(),
        })
    }

    /// Reads until a tick is over and all readers have its whole frame.
    pub fn finish_tick(&mut self) -> Outcome {
        for _ in 0..100 {
            // Nothing is in flight after most of a tick without a byte.
            while self.pump(TICK / 2)? {}
            if self.open.iter().all(|reader| reader.got.is_multiple_of(self.chunk)) {
                return Ok(());
            }
        }
        Err("the readers do not finish a tick: the machine is too busy for so many".into())
    }

    /// Resets the counts, and reads until all have this many frames.
    pub fn read(&mut self, ticks: usize) -> Outcome {
        self.anew();
        let until = cpu::wall() + u64::try_from((TICK * u32::try_from(ticks)?).as_nanos())? * 5;
        while self.frames.get(ticks - 1).is_none_or(|(readers, _)| *readers < self.open.len()) {
            self.pump(TICK)?;
            if cpu::wall() > until {
                return Err("frames were skipped: the machine is too busy for so many readers".into());
            }
        }
        Ok(())
    }

    /// Reads for this long.
    pub fn read_for(&mut self, time: Duration) -> Outcome {
        self.anew();
        let until = cpu::wall() + u64::try_from(time.as_nanos())?;
        while cpu::wall() < until {
            self.pump(TICK / 4)?;
        }
        Ok(())
    }

    /// The last `readers` never read again.
    pub fn stall(&mut self, readers: usize) -> Outcome<Vec<TcpStream>> {
        let kept = self.open.len() - readers;
        let mut stalled = Vec::with_capacity(readers);
        for Reader { mut stream, .. } in self.open.drain(kept..) {
            self.poll.registry().deregister(&mut stream)?;
            stalled.push(stream);
        }
        Ok(stalled)
    }

    /// The number of frames of all readers together.
    pub fn got(&self) -> usize {
        self.open.iter().map(|reader| reader.got / self.chunk).sum()
    }

    /// The number of frames of the fastest reader.
    pub fn fastest(&self) -> usize {
        self.frames.len()
    }

    /// How many readers there are.
    pub fn len(&self) -> usize {
        self.open.len()
    }

    /// Median milliseconds from the start of a frame's creation until the last reader had it.
    pub fn last(&self) -> Outcome<f64> {
        let mut delays = Vec::new();
        for (chunk, (readers, at)) in self.first.chunks_exact(self.chunk).zip(&self.frames) {
            let stamp = chunk.split(|byte| *byte == b'\n').nth(1).ok_or("no stamp")?;
            let stamp: u64 = std::str::from_utf8(stamp)?.trim_start_matches(':').parse()?;
            if *readers == self.open.len() {
                delays.push(at.saturating_sub(stamp) as f64 / 1e6);
            }
        }
        Ok(cpu::median(delays))
    }

    fn anew(&mut self) {
        self.open.iter_mut().for_each(|reader| reader.got = 0);
        self.frames.clear();
        self.first.clear();
    }

    /// Reads what is available. Returns whether anything arrived within this time.
    fn pump(&mut self, within: Duration) -> Outcome<bool> {
        self.poll.poll(&mut self.events, Some(within))?;
        for event in &self.events {
            let Token(n) = event.token();
            let reader = &mut self.open[n];
            loop {
                let read = match reader.stream.read(&mut self.buffer) {
                    Ok(0) => return Err("the server closed a stream".into()),
                    Ok(read) => read,
                    Err(error) if error.kind() == ErrorKind::WouldBlock => break,
                    Err(error) => return Err(error.into()),
                };
                let (before, now) = (reader.got / self.chunk, cpu::wall());
                reader.got += read;
                for frame in before..reader.got / self.chunk {
                    if self.frames.len() <= frame {
                        self.frames.resize(frame + 1, (0, 0));
                    }
                    self.frames[frame].0 += 1;
                    self.frames[frame].1 = now;
                }
                if n == 0 {
                    self.first.extend_from_slice(&self.buffer[..read]);
                }
                // A short read was the last one; later bytes trigger a new event.
                if read < self.buffer.len() {
                    break;
                }
            }
        }
        Ok(!self.events.is_empty())
    }
}

/// Reads the head of a response, and what came with it, at least the line of the first chunk.
/// Returns the length of that.
fn head(stream: &mut std::net::TcpStream, chunk: &mut (usize, usize)) -> Outcome<usize> {
    let (mut text, mut buffer) = (Vec::new(), [0; 4096]);
    loop {
        let read = stream.read(&mut buffer)?;
        if read == 0 {
            return Err("the server closed a stream".into());
        }
        text.extend_from_slice(&buffer[..read]);
        let Some(end) = text.windows(4).position(|four| four == b"\r\n\r\n") else { continue };
        if !text.starts_with(b"HTTP/1.1 200 ") {
            return Err(String::from_utf8_lossy(&text).into());
        }
        let body = &text[end + 4..];
        let Some(line) = body.windows(2).position(|two| two == b"\r\n") else { continue };
        let frame = usize::from_str_radix(std::str::from_utf8(&body[..line])?, 16)?;
        *chunk = (line + 2 + frame + 2, frame);
        return Ok(body.len());
    }
}
