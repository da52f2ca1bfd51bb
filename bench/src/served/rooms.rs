//! A room of sockets: ours, and the least that one task per socket can do.

use crate::Outcome;
use crate::ws::TICK;
use axum::Router;
use bytes::Bytes;
use presence_axum::{Limits, Mount};
use presence_core::Presence;
use presence_core::broker::{Broker, Channel, Publish};
use presence_memory::MemoryBroker;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::broadcast;

/// Sends a message of this size in the room `room` at each tick; with size zero, none.
pub fn room(presence: Presence, frame: usize) -> Outcome<Router> {
    let broker = MemoryBroker::new();
    let channel = Channel::new("topic:room")?;
    let publisher = broker.clone();
    let around = r#"{"type":"message","topic":"room","id":"0123456789abcdef-123","at":1710000000000,"user":null,"name":null,"data":""}"#;
    let payload: Bytes = format!("\"{}\"", "x".repeat(frame.saturating_sub(around.len()))).into();
    tokio::spawn(async move {
        if frame == 0 {
            return;
        }
        loop {
            tokio::time::sleep(TICK).await;
            let _ = publisher.publish(Publish::new(channel.clone(), payload.clone())).await;
        }
    });
    Ok(Mount::new(presence).broker(broker).limits(Limits::shared()).routes())
}

/// Writes a frame of this size to each socket at each tick.
pub async fn frames(listener: std::net::TcpListener, frame: usize) -> Outcome {
    listener.set_nonblocking(true)?;
    let listener = TcpListener::from_std(listener)?;
    println!("{}", listener.local_addr()?);
    let frames = broadcast::Sender::<Bytes>::new(64);
    let sender = frames.clone();
    #[expect(clippy::cast_possible_truncation, reason = "a small frame")]
    let head = [0x81, 126, (frame >> 8) as u8, frame as u8];
    let bytes: Bytes = [&head[..], &vec![b'x'; frame]].concat().into();
    tokio::spawn(async move {
        if frame == 0 {
            return;
        }
        loop {
            tokio::time::sleep(TICK).await;
            let _ = sender.send(bytes.clone());
        }
    });
    loop {
        let (stream, _) = listener.accept().await?;
        tokio::spawn(write(stream, frames.subscribe()));
    }
}

async fn write(mut stream: TcpStream, mut frames: broadcast::Receiver<Bytes>) -> std::io::Result<()> {
    stream.set_nodelay(true)?;
    let _ = stream.read(&mut [0; 1024]).await?;
    stream.write_all(b"HTTP/1.1 101 Switching Protocols\r\n\r\n").await?;
    let mut room = [0; 64];
    loop {
        tokio::select! {
            frame = frames.recv() => match frame {
                Ok(frame) => stream.write_all(&frame).await?,
                Err(_) => return Ok(()),
            },
            read = stream.read(&mut room) => if read? == 0 { return Ok(()) },
        }
    }
}
