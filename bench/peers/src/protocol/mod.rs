//! The protocols of the peers, one adapter for each. The rest of the driver is independent of them.

mod by_hand;
mod centrifugo;
mod ours;
mod phoenix;
pub mod pusher;
mod socket_io;

use crate::Outcome;

/// What a frame reports to a client.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Notice<'f> {
    /// A snapshot of the room begins: its members follow as `Joined`.
    State,
    Joined(&'f str),
    Left(&'f str),
    /// The number of members of a room that is sent as counts.
    Online(u64),
    /// The answer to a requested list, with its length.
    Listed(usize),
}

/// How the members of a room are requested.
pub enum List {
    /// By a frame, which is answered by one frame.
    Frame(String),
    /// By HTTP, page by page. This is the path of the first one.
    Pages(String),
}

/// A `POST` request: path and body.
pub struct Post(pub &'static str, pub String);

/// How a client sends a heartbeat.
pub enum Beat {
    Http(Post),
    /// A frame on its socket.
    Frame(String),
}

/// A protocol. All frames are text; a `frame` argument is a frame of the server.
pub trait Protocol: Sync {
    /// The path and query of the socket.
    fn path(&self) -> &'static str;

    /// The first frame that a client sends.
    fn hello(&self) -> Option<String> {
        None
    }

    /// Whether this frame shows that the server is ready for commands.
    fn is_ready(&self, frame: &str) -> bool;

    /// The frames that enter a room and subscribe to its members.
    fn enter(&self, user: &str, room: &str) -> Vec<String>;

    /// The same without notifying the others, where the peer supports it. It fills a room before a
    /// measurement, which takes minutes on a server that does not batch.
    fn enter_quietly(&self, user: &str, room: &str) -> Vec<String> {
        self.enter(user, room)
    }

    /// A command in the form that the server accepts from the client that it greeted with this frame
    /// (the one that showed that it [is ready](Self::is_ready)), if that form is another one.
    ///
    /// # Errors
    /// The greeting lacks what the command needs.
    fn signed(&self, _greeting: &str, _command: &str) -> Outcome<Option<String>> {
        Ok(None)
    }

    /// A message to all members of a room.
    fn message(&self, room: &str, text: &str) -> String;

    /// Whether this frame is such a message. Called for every frame of every client: it
    /// compares a prefix.
    fn is_message(&self, frame: &str) -> bool;

    /// Whether the sender of a message receives it too.
    fn echoes(&self) -> bool {
        true
    }

    /// The answer to a heartbeat of the server.
    fn answer(&self, _frame: &str) -> Option<&'static str> {
        None
    }

    /// What a client sends every 20 s so that the server does not close the socket.
    fn keep_alive(&self) -> Option<&'static str> {
        None
    }

    /// Parses a frame of a watched client.
    ///
    /// # Errors
    /// The frame is an error, or not of this protocol.
    fn decode(&self, frame: &str, emit: &mut dyn FnMut(Notice<'_>)) -> Outcome;

    /// How the members of a room are requested.
    fn list(&self, room: &str) -> List;

    /// The number of members on a page, and the path of the next page.
    ///
    /// # Errors
    /// The body is not a page.
    fn page(&self, _room: &str, _body: &str) -> Outcome<(usize, Option<String>)> {
        Err("this protocol has no pages".into())
    }

    /// Whether lists distinguish active from idle members.
    fn knows_idle(&self) -> bool {
        false
    }

    /// The cheapest heartbeats of a client.
    fn beats(&self, user: &str) -> Vec<Beat>;

    /// Requests that create members without sockets: `member-0` and so on, ten in each of `room-0`
    /// and so on. Empty if the peer has no such members.
    fn fill(&self, _members: usize) -> Vec<Post> {
        Vec::new()
    }
}

/// The adapters, by the name that `--protocol` takes.
pub const ALL: [(&str, &dyn Protocol); 6] = [
    ("ours", &ours::Ours),
    ("socket.io", &socket_io::SocketIo),
    ("ws", &by_hand::ByHand),
    ("centrifugo", &centrifugo::Centrifugo),
    ("phoenix", &phoenix::Phoenix),
    ("pusher", &pusher::Pusher),
];

/// The adapter of this name.
///
/// # Errors
/// There is none.
pub fn named(name: &str) -> Outcome<&'static dyn Protocol> {
    let known = || ALL.map(|(name, _)| name).join(", ");
    let found = ALL.iter().find(|(known, _)| *known == name);
    found.map(|(_, protocol)| *protocol).ok_or_else(|| format!("no protocol {name}: {}", known()).into())
}

#[cfg(test)]
mod tests;
