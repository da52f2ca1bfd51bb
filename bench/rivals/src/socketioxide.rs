//! A room on socketioxide: `socketioxide FRAME` says something of that size in the room each 100
//! ms; of size zero: nothing.
//!
//! As its documentation does it: one room, `emit` to all who are in it. Whoever enters is told who
//! is there, and the others are told of them; so with those who leave. It ends when its input does.

use socketioxide::SocketIo;
use socketioxide::extract::{Data, SocketRef};
use std::collections::BTreeMap;
use std::error::Error;
use std::io::Read;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

const TICK: Duration = Duration::from_millis(100);
const ROOM: &str = "room";

type Members = Arc<Mutex<BTreeMap<String, String>>>;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let frame: usize = std::env::args().nth(1).ok_or("the size of a frame is missing")?.parse()?;
    std::thread::spawn(|| {
        let _ = std::io::stdin().lock().read(&mut [0]);
        std::process::exit(0);
    });
    let members = Members::default();
    let (layer, io) = SocketIo::builder().build_layer();
    io.ns("/", async move |socket: SocketRef| {
        let (enters, leaves) = (Arc::clone(&members), members);
        socket.on("enter", async move |socket: SocketRef, Data::<String>(user)| {
            enter(&socket, user, &enters).await;
        });
        socket.on_disconnect(async move |socket: SocketRef| leave(&socket, &leaves).await);
    });
    if frame > 0 {
        tokio::spawn(say(io, frame));
    }
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
    println!("{}", listener.local_addr()?);
    Ok(axum::serve(listener, axum::Router::new().layer(layer)).await?)
}

async fn enter(socket: &SocketRef, user: String, members: &Members) {
    let there: Vec<String> = {
        let mut members = members.lock().unwrap_or_else(PoisonError::into_inner);
        members.insert(socket.id.to_string(), user.clone());
        members.values().cloned().collect()
    };
    socket.join(ROOM);
    let _ = socket.emit("state", &there);
    let _ = socket.to(ROOM).emit("joined", &user).await;
}

async fn leave(socket: &SocketRef, members: &Members) {
    let user = members.lock().unwrap_or_else(PoisonError::into_inner).remove(&socket.id.to_string());
    if let Some(user) = user {
        let _ = socket.to(ROOM).emit("left", &user).await;
    }
}

async fn say(io: SocketIo, frame: usize) {
    let around =
        serde_json::json!({"topic": ROOM, "at": 1_710_000_000_000_u64, "data": ""}).to_string().len();
    let data = "x".repeat(frame.saturating_sub(around + r#"42["message",]"#.len()));
    let message = serde_json::json!({"topic": ROOM, "at": 1_710_000_000_000_u64, "data": data});
    loop {
        tokio::time::sleep(TICK).await;
        let _ = io.to(ROOM).emit("message", &message).await;
    }
}
