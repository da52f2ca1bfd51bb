//! Presence on socketioxide, as its documentation does rooms: one room, `emit` to all who are in it
//! (<https://docs.rs/socketioxide/0.18.9/socketioxide/#emitting-data>).
//!
//! A user who enters receives the members of the room, and the members receive joins and leaves.
//! With `FRAME` it sends a message of that size to the room `room` every 100 ms, for `bench ws`.

mod process;

use socketioxide::SocketIo;
use socketioxide::extract::{AckSender, Data, SocketRef};
use std::collections::{BTreeMap, HashMap};
use std::error::Error;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

const TICK: Duration = Duration::from_millis(100);

/// Room → socket → user.
#[derive(Clone, Default)]
struct Rooms(Arc<Mutex<HashMap<String, BTreeMap<String, String>>>>);

/// The user of a socket, and the room.
#[derive(Clone)]
struct Member {
    user: String,
    room: String,
}

/// The last heartbeat of a socket.
#[derive(Clone)]
struct Seen(#[expect(dead_code, reason = "an app would look at it")] Instant);

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let rooms = Rooms::default();
    // A packet that does not fit into a connection's buffer, of 128 by default, is dropped.
    let (layer, io) = SocketIo::builder().max_buffer_size(16_384).build_layer();
    io.ns("/", async move |socket: SocketRef| {
        let (enters, lists, leaves) = (rooms.clone(), rooms.clone(), rooms);
        // `quietly` fills a room without notifying its members, before a measurement.
        socket.on(
            "enter",
            async move |socket: SocketRef, Data((user, room, quietly)): Data<(String, String, bool)>| {
                enter(&socket, Member { user, room }, quietly, &enters).await;
            },
        );
        socket.on("say", async |socket: SocketRef, Data::<String>(said)| {
            if let Some(Member { room, .. }) = socket.extensions.get::<Member>() {
                let _ = socket.within(room).emit("message", &said).await;
            }
        });
        socket.on("list", async move |Data::<String>(room), ack: AckSender| {
            let _ = ack.send(&lists.users(&room));
        });
        socket.on("beat", async |socket: SocketRef| {
            socket.extensions.insert(Seen(Instant::now()));
        });
        socket.on_disconnect(async move |socket: SocketRef| leave(&socket, &leaves).await);
    });
    if let Some(frame) = process::setting("FRAME") {
        tokio::spawn(say(io, frame.parse()?));
    }
    let listener = process::listen()?;
    Ok(axum::serve(listener, axum::Router::new().layer(layer)).await?)
}

impl Rooms {
    fn all(&self) -> MutexGuard<'_, HashMap<String, BTreeMap<String, String>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn users(&self, room: &str) -> Vec<String> {
        self.all().get(room).map(|members| members.values().cloned().collect()).unwrap_or_default()
    }
}

async fn enter(socket: &SocketRef, member: Member, quietly: bool, rooms: &Rooms) {
    let Member { user, room } = member.clone();
    rooms.all().entry(room.clone()).or_default().insert(socket.id.to_string(), user.clone());
    socket.extensions.insert(member);
    socket.join(room.clone());
    if !quietly {
        let _ = socket.emit("users", &rooms.users(&room));
        let _ = socket.to(room).emit("user connected", &user).await;
    }
}

async fn leave(socket: &SocketRef, rooms: &Rooms) {
    let Some(Member { user, room }) = socket.extensions.get::<Member>() else { return };
    if let Some(members) = rooms.all().get_mut(&room) {
        members.remove(&socket.id.to_string());
    }
    let _ = socket.to(room).emit("user disconnected", &user).await;
}

async fn say(io: SocketIo, frame: usize) {
    let said = "x".repeat(frame.saturating_sub(r#"42["message",""]"#.len()));
    loop {
        tokio::time::sleep(TICK).await;
        let _ = io.to("room").emit("message", &said).await;
    }
}
