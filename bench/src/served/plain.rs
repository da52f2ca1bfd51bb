//! The least cost of a broadcast: one thread that writes the same bytes to all sockets.

use super::stamp;
use crate::{Outcome, cpu, sse::TICK};
use std::io::{ErrorKind, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::time::Duration;

/// The head of the response.
const HEAD: &[u8] =
    b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n";

/// Writes frames of this many bytes to all clients that have connected.
pub fn run(listener: &TcpListener, frame: usize) -> Outcome {
    listener.set_nonblocking(true)?;
    println!("{}", listener.local_addr()?);
    let (mut readers, mut next) = (Vec::new(), cpu::wall());
    loop {
        next = next.max(cpu::wall()) + u64::try_from(TICK.as_millis())? * 1_000_000;
        std::thread::sleep(Duration::from_nanos(next.saturating_sub(cpu::wall())));
        accept(listener, &mut readers)?;
        let chunk = chunk(frame);
        for mut reader in &readers {
            // A slow reader loses the frame, or the rest of it.
            let _ = reader.write(&chunk);
        }
    }
}

fn accept(listener: &TcpListener, readers: &mut Vec<TcpStream>) -> Outcome {
    loop {
        match listener.accept() {
            Ok((mut stream, _)) => {
                stream.set_nonblocking(false)?;
                let _ = stream.read(&mut [0; 1024])?;
                stream.write_all(HEAD)?;
                stream.set_nonblocking(true)?;
                stream.set_nodelay(true)?;
                readers.push(stream);
            }
            Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(()),
            Err(error) => return Err(error.into()),
        }
    }
}

/// A frame as a chunk of a chunked response.
fn chunk(frame: usize) -> Vec<u8> {
    let stamp = stamp();
    let data = "x".repeat(frame.saturating_sub(stamp.len() + "data: \n\n".len()));
    format!("{frame:x}\r\n{stamp}data: {data}\n\n\r\n").into_bytes()
}
