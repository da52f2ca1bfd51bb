//! What the peers speak on a socket: one adapter for each, and nothing else of the driver knows.

mod by_hand;
mod centrifugo;
mod ours;
mod phoenix;
mod socket_io;

use crate::Outcome;

/// A member comes or goes, or something else that a scenario waits for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Heard<'f> {
    /// What was known of the room is void; its members follow as `Joined`.
    State,
    Joined(&'f str),
    Left(&'f str),
    /// The room is told in counts: so many are here.
    Online(u64),
    /// The list that was asked for, of so many.
    Listed(usize),
}

/// How the members of a room are asked for.
pub enum List {
    /// By a frame, which is answered by one.
    Frame(String),
    /// By requests over HTTP, page by page, the first of which is this.
    Pages(String),
}

/// A request of this path, with this body.
pub struct Post(pub &'static str, pub String);

/// How a client says that it is still here.
pub enum Beat {
    Http(Post),
    /// A frame on its socket.
    Frame(String),
}

/// One protocol. Frames are text; `frame` is always one of the server's.
pub trait Protocol: Sync {
    /// Where the socket is opened.
    fn path(&self) -> &'static str;

    /// The first frame of a client.
    fn hello(&self) -> Option<String> {
        None
    }

    /// Whether the server says that the client may go on.
    fn is_ready(&self, frame: &str) -> bool;

    /// Enters a room and asks to be told of it.
    fn enter(&self, user: &str, room: &str) -> Vec<String>;

    /// The same while a room is being filled, which is not measured: telling everybody of everybody
    /// takes servers that batch nothing minutes.
    fn enter_quietly(&self, user: &str, room: &str) -> Vec<String> {
        self.enter(user, room)
    }

    /// Says something to all in the room.
    fn say(&self, room: &str, text: &str) -> String;

    /// Whether it is what somebody said. Asked of every frame of every client: a prefix must do.
    fn is_said(&self, frame: &str) -> bool;

    /// The answer to a frame by which the server asks whether the client is there.
    fn answer(&self, _frame: &str) -> Option<&'static str> {
        None
    }

    /// What a client sends each 20 s so that the server keeps it.
    fn keep_alive(&self) -> Option<&'static str> {
        None
    }

    /// Reads a frame on behalf of a client that is watched.
    ///
    /// # Errors
    /// It is not of this protocol.
    fn hear(&self, frame: &str, tell: &mut dyn FnMut(Heard<'_>)) -> Outcome;

    /// How a list is asked for.
    fn list(&self, room: &str) -> List;

    /// How many a page names, and where the next one is.
    ///
    /// # Errors
    /// It is no page.
    fn page(&self, _room: &str, _body: &str) -> Outcome<(usize, Option<String>)> {
        Err("this protocol has no pages".into())
    }

    /// Whether its lists tell who is active from who is idle.
    fn knows_idle(&self) -> bool {
        false
    }

    /// The cheapest ways to say "still here".
    fn beats(&self, user: &str) -> Vec<Beat>;

    /// What is posted so that a process and its store know so many members, without sockets for all
    /// of them: `member-0` and so on, ten in each of `room-0` and so on. Nothing: it cannot be done.
    fn fill(&self, _members: usize) -> Vec<Post> {
        Vec::new()
    }
}

/// The adapters, by the name that `--protocol` takes.
pub const ALL: [(&str, &dyn Protocol); 5] = [
    ("ours", &ours::Ours),
    ("socket.io", &socket_io::SocketIo),
    ("ws", &by_hand::ByHand),
    ("centrifugo", &centrifugo::Centrifugo),
    ("phoenix", &phoenix::Phoenix),
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
