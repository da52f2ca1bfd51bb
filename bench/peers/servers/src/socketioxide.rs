//! Presence on socketioxide, as its documentation does rooms: one room, `emit` to all who are in it
//! (<https://docs.rs/socketioxide/0.18.9/socketioxide/#emitting-data>).
//!
//! A user who enters receives the members of the room, and the members receive joins and leaves.
//! With Redis, its adapter forwards events to other processes. It tells ids of sockets there, but
//! not what an application knows of them, so the members of a room are those of the process.
//! With `FRAME` it sends a message of that size to the room `room` every 100 ms, for `bench ws`.

mod process;

use axum::Router;
use socketioxide::SocketIo;
use socketioxide::adapter::Adapter;
use socketioxide::extract::{AckSender, Data, SocketRef};
use socketioxide_redis::{RedisAdapter, RedisAdapterCtr};
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
    let builder = SocketIo::builder().max_buffer_size(16_384);
    let Some(url) = process::setting("REDIS") else {
        let (layer, io) = builder.build_layer();
        io.ns("/", async move |socket| connected(&socket, &rooms));
        return serve(Router::new().layer(layer), io).await;
    };
    let client = redis::Client::open(format!("{url}?protocol=resp3"))?;
    let adapter = RedisAdapterCtr::new_with_redis(&client).await?;
    let (layer, io) = builder.with_adapter::<RedisAdapter<_>>(adapter).build_layer();
    io.ns("/", async move |socket| connected(&socket, &rooms)).await?;
    serve(Router::new().layer(layer), io).await
}

async fn serve<A: Adapter>(app: Router, io: SocketIo<A>) -> Result<(), Box<dyn Error>> {
    if let Some(frame) = process::setting("FRAME") {
        tokio::spawn(say(io, frame.parse()?));
    }
    let listener = process::listen()?;
    Ok(axum::serve(listener, app).await?)
}

fn connected<A: Adapter>(socket: &SocketRef<A>, rooms: &Rooms) {
    let (enters, lists, leaves) = (rooms.clone(), rooms.clone(), rooms.clone());
    // `quietly` fills a room without notifying its members, before a measurement.
    socket.on(
        "enter",
        async move |socket: SocketRef<A>, Data((user, room, quietly)): Data<(String, String, bool)>| {
            enter(&socket, Member { user, room }, quietly, &enters).await;
        },
    );
    socket.on("say", async |socket: SocketRef<A>, Data::<String>(said)| {
        if let Some(Member { room, .. }) = socket.extensions.get::<Member>() {
            let _ = socket.within(room).emit("message", &said).await;
        }
    });
    socket.on("list", async move |Data::<String>(room), ack: AckSender<A>| {
        let _ = ack.send(&lists.users(&room));
    });
    socket.on("beat", async |socket: SocketRef<A>| {
        socket.extensions.insert(Seen(Instant::now()));
    });
    socket.on_disconnect(async move |socket: SocketRef<A>| leave(&socket, &leaves).await);
}

impl Rooms {
    fn all(&self) -> MutexGuard<'_, HashMap<String, BTreeMap<String, String>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn users(&self, room: &str) -> Vec<String> {
        self.all().get(room).map(|members| members.values().cloned().collect()).unwrap_or_default()
    }
}

async fn enter<A: Adapter>(socket: &SocketRef<A>, member: Member, quietly: bool, rooms: &Rooms) {
    let Member { user, room } = member.clone();
    rooms.all().entry(room.clone()).or_default().insert(socket.id.to_string(), user.clone());
    socket.extensions.insert(member);
    socket.join(room.clone());
    if !quietly {
        let _ = socket.emit("users", &rooms.users(&room));
        let _ = socket.to(room).emit("user connected", &user).await;
    }
}

async fn leave<A: Adapter>(socket: &SocketRef<A>, rooms: &Rooms) {
    let Some(Member { user, room }) = socket.extensions.get::<Member>() else { return };
    if let Some(members) = rooms.all().get_mut(&room) {
        members.remove(&socket.id.to_string());
    }
    let _ = socket.to(room).emit("user disconnected", &user).await;
}

async fn say<A: Adapter>(io: SocketIo<A>, frame: usize) {
    let said = "x".repeat(frame.saturating_sub(r#"42["message",""]"#.len()));
    loop {
        tokio::time::sleep(TICK).await;
        let _ = io.to("room").emit("message", &said).await;
    }
}
