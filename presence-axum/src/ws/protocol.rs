//! [`Protocol`]: the trait by which a host defines the wire format of a socket.

use super::frame::{Note, Tells};
use super::{Frame, Problem, Request, Said, Update};
use crate::auth::Identity;
use presence_core::{SessionId, UserId};
use std::collections::hash_map::RandomState;
use std::fmt;
use std::hash::{BuildHasher, Hash};
use std::sync::LazyLock;

/// A random seed, without which a client cannot construct two subjects with the same hash.
static SEED: LazyLock<RandomState> = LazyLock::new(RandomState::new);

/// What is carried back in the answer to a request: a string or an integer, as JSON.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reference(Box<str>);

impl Reference {
    /// The longest reference, in bytes of JSON.
    pub const MAX_BYTES: usize = 66;

    /// A reference of this JSON; `None` when it is too long.
    pub fn new(json: impl Into<Box<str>>) -> Option<Self> {
        Some(Self(json.into())).filter(|reference| reference.0.len() <= Self::MAX_BYTES)
    }

    /// Its JSON.
    pub fn as_json(&self) -> &str {
        &self.0
    }
}

/// The frames that an update becomes; several for a format that speaks of one user at a time, none
/// where it does not speak of such things.
#[derive(Debug, Default)]
pub struct Frames(Vec<Frame>);

impl Frames {
    /// One more text frame.
    pub fn push(&mut self, text: impl AsRef<str>) {
        self.0.push(Frame::text(text));
    }

    /// One more text frame, which tells that `subject` is in `state`. A connection to which that
    /// was told last is not told again: of somebody with whom a client shares several topics it
    /// hears once.
    ///
    /// A connection remembers the states of 256 subjects; of one that it has forgotten it may hear
    /// twice.
    pub fn push_state(&mut self, subject: impl Hash, state: impl Hash, text: impl AsRef<str>) {
        self.0.push(Frame::text(text).noting(Note::State(tells(subject, state))));
    }

    /// One more text frame, which tells the states of all these subjects at once. It is always
    /// sent, and each of the states counts as told by it: see [`push_state`](Self::push_state).
    pub fn push_states<S: Hash, T: Hash>(
        &mut self,
        states: impl IntoIterator<Item = (S, T)>,
        text: impl AsRef<str>,
    ) {
        let states = states.into_iter().map(|(subject, state)| tells(subject, state)).collect();
        self.0.push(Frame::text(text).noting(Note::States(states)));
    }

    /// One more text frame, which is a message of this user: what the user was typing in the topic
    /// ends with it.
    pub fn push_message(&mut self, author: UserId, text: impl AsRef<str>) {
        self.0.push(Frame::text(text).noting(Note::By(author)));
    }

    pub(super) fn into_vec(self) -> Vec<Frame> {
        self.0
    }
}

fn tells(subject: impl Hash, state: impl Hash) -> Tells {
    Tells { subject: SEED.hash_one(subject), state: SEED.hash_one(state) }
}

/// A wire format: reads what clients send, and writes what they are told.
///
/// A [`Gateway`](super::Gateway) speaks one. [`Json`](super::Json) is our own; a service that must
/// speak another implements this and nothing else.
pub trait Protocol: Send + Sync + 'static {
    /// Reads a frame of a client.
    ///
    /// # Errors
    /// What is wrong with it; the socket stays open.
    fn decode(&self, text: &str) -> Result<Request, Problem>;

    /// Writes what clients are told. What happens in a topic is written once for all its
    /// subscribers.
    fn encode(&self, update: &Update, frames: &mut Frames);

    /// Whether a connection is a session from its beginning, and a subscription places it in the
    /// topic: rooms that one is in by looking at them. Default no: clients enter, and say where
    /// they are.
    fn subscribing_is_being_there(&self) -> bool {
        false
    }

    /// What is said of a session that begins with its connection, and again when the caller shows a
    /// newer token: a meta with the name of the caller, say. Default nothing. It is asked only
    /// where [`subscribing_is_being_there`](Self::subscribing_is_being_there).
    fn says_of(&self, _caller: &Identity, _connection: &SessionId) -> Said {
        Said::default()
    }

    /// The subprotocols that this format is known by, for the handshake. Default none.
    fn subprotocols(&self) -> &[&'static str] {
        &[]
    }
}

impl fmt::Debug for dyn Protocol {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Protocol")
    }
}
