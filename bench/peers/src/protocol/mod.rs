//! The protocols of the peers on a socket: one adapter for each; the rest of the driver is
//! independent of them.

mod by_hand;
mod centrifugo;
mod ours;
mod phoenix;
mod socket_io;

use crate::Outcome;

/// A join, a leave, or another event that a scenario waits for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Heard<'f> {
    /// The known state of the room is void; its members follow as `Joined`.
    State,
    Joined(&'f str),
    Left(&'f str),
    /// The room is shown as counts: the number of users online.
    Online(u64),
    /// The number of users in a requested list.
    Listed(usize),
}

/// How the members of a room are requested.
pub enum List {
    /// By a frame, to which another one responds.
    Frame(String),
    /// By HTTP requests, page by page; this is the first.
    Pages(String),
}

/// A request of this path, with this body.
pub struct Post(pub &'static str, pub String);

/// A client's heartbeat.
pub enum Beat {
    Http(Post),
    /// A frame on its socket.
    Frame(String),
}

/// One protocol. Frames are text; `frame` is always a frame of the server.
pub trait Protocol: Sync {
    /// The path of the socket.
    fn path(&self) -> &'static str;

    /// The first frame of a client.
    fn hello(&self) -> Option<String> {
        None
    }

    /// Whether the server reports that the client may continue.
    fn is_ready(&self, frame: &str) -> bool;

    /// Enters a room and subscribes to it.
    fn enter(&self, user: &str, room: &str) -> Vec<String>;

    /// The same while a room is being filled, which is not measured: servers without batching would
    /// take minutes to notify everybody of everybody.
    fn enter_quietly(&self, user: &str, room: &str) -> Vec<String> {
        self.enter(user, room)
    }

    /// Sends a message to all in the room.
    fn say(&self, room: &str, text: &str) -> String;

    /// Whether this is a message of a member. Called for every frame of every client, so it must be
    /// as cheap as a comparison of a prefix.
    fn is_said(&self, frame: &str) -> bool;

    /// The response to a frame by which the server checks whether the client is alive.
    fn answer(&self, _frame: &str) -> Option<&'static str> {
        None
    }

    /// The frame that a client sends every 20 s to keep its connection.
    fn keep_alive(&self) -> Option<&'static str> {
        None
    }

    /// Reads a frame for a watched client.
    ///
    /// # Errors
    /// It is not a frame of this protocol.
    fn hear(&self, frame: &str, tell: &mut dyn FnMut(Heard<'_>)) -> Outcome;

    /// How a list is requested.
    fn list(&self, room: &str) -> List;

    /// The number of users in a page, and the path of the next one.
    ///
    /// # Errors
    /// It is not a page.
    fn page(&self, _room: &str, _body: &str) -> Outcome<(usize, Option<String>)> {
        Err("this protocol has no pages".into())
    }

    /// Whether its lists distinguish active and idle users.
    fn knows_idle(&self) -> bool {
        false
    }

    /// The cheapest heartbeats.
    fn beats(&self, user: &str) -> Vec<Beat>;

    /// Requests that give a process and its store this many members without a socket for each:
    /// `member-0` and so on, ten in each of `room-0` and so on. Empty if the peer has no such
    /// request.
    fn fill(&self, _members: usize) -> Vec<Post> {
        Vec::new()
    }
}

/// The adapters, by the names for `--protocol`.
pub const ALL: [(&str, &dyn Protocol); 5] = [
    ("ours", &ours::Ours),
    ("socket.io", &socket_io::SocketIo),
    ("ws", &by_hand::ByHand),
    ("centrifugo", &centrifugo::Centrifugo),
    ("phoenix", &phoenix::Phoenix),
];

/// The adapter with this name.
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
