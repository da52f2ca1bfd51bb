//! Viewers of the totals, all on a thread of their own.

use crate::Outcome;
use mio::net::TcpStream;
use mio::{Events, Interest, Poll, Token};
use std::io::{ErrorKind, Read, Write};
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

const REQUEST: &[u8] = b"GET /sse/online HTTP/1.1\r\nhost: here.example\r\naccept: text/event-stream\r\n\r\n";
/// The beginning of an event.
const EVENT: &[u8] = b"data:";
/// How long the thread waits for data before it checks whether to stop.
const LOOKS_EVERY: Duration = Duration::from_millis(100);

/// They read until this is dropped.
pub struct Viewers {
    shared: Arc<Shared>,
    thread: Option<JoinHandle<()>>,
}

#[derive(Default)]
struct Shared {
    events: AtomicU64,
    stops: AtomicBool,
}

impl Viewers {
    /// Opens this many streams, and waits for the first event of each.
    pub fn open(address: SocketAddr, count: usize) -> Outcome<Self> {
        let mut poll = Poll::new()?;
        let mut streams = Vec::with_capacity(count);
        for n in 0..count {
            let mut stream = std::net::TcpStream::connect(address)?;
            stream.write_all(REQUEST)?;
            stream.set_nonblocking(true)?;
            let mut stream = TcpStream::from_std(stream);
            poll.registry().register(&mut stream, Token(n), Interest::READABLE)?;
            streams.push(stream);
        }
        let shared = Arc::new(Shared::default());
        let writer = Arc::clone(&shared);
        let thread = std::thread::spawn(move || {
            if let Err(error) = read(&mut poll, &mut streams, &writer) {
                eprintln!("viewers: {error}");
            }
        });
        let viewers = Self { shared, thread: Some(thread) };
        for _ in 0..100 {
            if viewers.events() >= count as u64 {
                return Ok(viewers);
            }
            std::thread::sleep(LOOKS_EVERY);
        }
        Err(format!("{} events came to {count} viewers", viewers.events()).into())
    }

    /// The number of events that all of them received.
    pub fn events(&self) -> u64 {
        self.shared.events.load(Ordering::Relaxed)
    }
}

impl Drop for Viewers {
    fn drop(&mut self) {
        self.shared.stops.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

fn read(poll: &mut Poll, streams: &mut [TcpStream], shared: &Shared) -> Outcome {
    let (mut events, mut buffer) = (Events::with_capacity(streams.len()), vec![0; 16 * 1024]);
    while !shared.stops.load(Ordering::Relaxed) {
        poll.poll(&mut events, Some(LOOKS_EVERY))?;
        for event in &events {
            loop {
                match streams[event.token().0].read(&mut buffer) {
                    Ok(0) => return Err("the server closed a stream".into()),
                    Ok(read) => {
                        let came = buffer[..read].windows(EVENT.len()).filter(|part| *part == EVENT).count();
                        shared.events.fetch_add(came as u64, Ordering::Relaxed);
                    }
                    Err(error) if error.kind() == ErrorKind::WouldBlock => break,
                    Err(error) => return Err(error.into()),
                }
            }
        }
    }
    Ok(())
}
