//! The wire format of a socket, as a value.

use super::frame::Tells;
use super::{Frame, Problem, Request, Update};
use std::collections::hash_map::RandomState;
use std::fmt;
use std::hash::{BuildHasher, Hash};
use std::sync::LazyLock;

/// Nobody can find two subjects with one hash without knowing it.
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

/// The frames that an update becomes; several for a format that speaks of one user at a time, none where it does not speak
/// of such things.
#[derive(Debug, Default)]
pub struct Frames(Vec<Frame>);

impl Frames {
    /// One more text frame.
    pub fn push(&mut self, text: impl AsRef<str>) {
        self.0.push(Frame::text(text));
    }

    /// One more text frame, which tells that `subject` is in `state`. A connection to which that was told last is not told
    /// again: of somebody with whom a client shares several topics it hears once.
    ///
    /// A connection remembers the states of 256 subjects; of one that it has forgotten it may hear twice.
    pub fn push_state(&mut self, subject: impl Hash, state: impl Hash, text: impl AsRef<str>) {
        let tells = Tells { subject: SEED.hash_one(subject), state: SEED.hash_one(state) };
        self.0.push(Frame::text(text).telling(tells));
    }

    pub(super) fn into_vec(self) -> Vec<Frame> {
        self.0
    }
}

/// A wire format: reads what clients send, and writes what they are told.
///
/// A [`Gateway`](super::Gateway) speaks one. [`Json`](super::Json) is our own; a service that must speak another implements
/// this and nothing else.
pub trait Protocol: Send + Sync + 'static {
    /// Reads a frame of a client.
    ///
    /// # Errors
    /// What is wrong with it; the socket stays open.
    fn decode(&self, text: &str) -> Result<Request, Problem>;

    /// Writes what clients are told. What happens in a topic is written once for all its subscribers.
    fn encode(&self, update: &Update, frames: &mut Frames);

    /// Whether a connection is a session from its beginning, and a subscription places it in the topic: rooms that one is in
    /// by looking at them. Default no: clients enter, and say where they are.
    fn subscribing_is_being_there(&self) -> bool {
        false
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
