//! [`Protocol`]: the trait by which a host defines the wire format of a socket.

use super::frame::{Note, SubjectState};
use super::{Frame, Problem, Request, SessionFields, Update};
use crate::auth::Identity;
use presence_core::{SessionId, UserId};
use std::collections::hash_map::RandomState;
use std::fmt;
use std::hash::{BuildHasher, Hash};
use std::sync::LazyLock;

/// A random seed, without which a client cannot construct two subjects with the same hash.
static SEED: LazyLock<RandomState> = LazyLock::new(RandomState::new);

/// The reference that a client gives to a request and finds in the response: a string or an
/// integer, as JSON.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reference(Box<str>);

impl Reference {
    /// The longest reference, in bytes of JSON.
    pub const MAX_BYTES: usize = 66;

    /// A reference with this JSON; `None` when it is too long.
    ///
    /// ```
    /// use presence_axum::ws::Reference;
    /// assert_eq!(Reference::new("7").unwrap().as_json(), "7");
    /// assert_eq!(Reference::new("7".repeat(67)), None);
    /// ```
    pub fn new(json: impl Into<Box<str>>) -> Option<Self> {
        Some(Self(json.into())).filter(|reference| reference.0.len() <= Self::MAX_BYTES)
    }

    /// Its JSON.
    pub fn as_json(&self) -> &str {
        &self.0
    }
}

/// The frames that encode one update: several if the format sends one frame per user, none if it
/// does not express the update.
#[derive(Debug, Default)]
pub struct Frames(Vec<Frame>);

impl Frames {
    /// Adds a text frame.
    ///
    /// ```
    /// use presence_axum::ws::Frames;
    /// let mut frames = Frames::default();
    /// frames.push(r#"{"type":"pong"}"#);
    /// ```
    pub fn push(&mut self, text: impl AsRef<str>) {
        self.0.push(Frame::text(text));
    }

    /// Adds a text frame that shows `subject` in `state`. It is not sent on a connection where the
    /// last frame about the subject showed the same state: a client that shares several topics with
    /// a user gets each change of that user once.
    ///
    /// A connection remembers 256 subjects; about one that it has forgotten, the client may get a
    /// state twice.
    ///
    /// ```
    /// use presence_axum::ws::Frames;
    /// let mut frames = Frames::default();
    /// frames.push_state("ada", "busy", r#"{"user":"ada","status":"busy"}"#);
    /// ```
    pub fn push_state(&mut self, subject: impl Hash, state: impl Hash, text: impl AsRef<str>) {
        self.0.push(Frame::text(text).with_note(Note::State(subject_state(subject, state))));
    }

    /// Adds a text frame that shows the states of several subjects. It is always sent, and the
    /// states are remembered as sent: see [`push_state`](Self::push_state).
    ///
    /// ```
    /// use presence_axum::ws::Frames;
    /// let mut frames = Frames::default();
    /// frames.push_states([("ada", "busy"), ("bob", "away")], r#"{"ada":"busy","bob":"away"}"#);
    /// ```
    pub fn push_states<S: Hash, T: Hash>(
        &mut self,
        states: impl IntoIterator<Item = (S, T)>,
        text: impl AsRef<str>,
    ) {
        let states = states.into_iter().map(|(subject, state)| subject_state(subject, state)).collect();
        self.0.push(Frame::text(text).with_note(Note::States(states)));
    }

    /// Adds a text frame with a message of this user. The user's typing indication in the topic
    /// ends with it.
    ///
    /// ```
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// use presence_axum::ws::Frames;
    /// let mut frames = Frames::default();
    /// frames.push_message("ada".parse()?, r#"{"user":"ada","text":"hello"}"#);
    /// # Ok(()) }
    /// ```
    pub fn push_message(&mut self, author: UserId, text: impl AsRef<str>) {
        self.0.push(Frame::text(text).with_note(Note::MessageBy(author)));
    }

    pub(super) fn into_vec(self) -> Vec<Frame> {
        self.0
    }
}

fn subject_state(subject: impl Hash, state: impl Hash) -> SubjectState {
    SubjectState { subject: SEED.hash_one(subject), state: SEED.hash_one(state) }
}

/// A wire format: decodes what clients send, and encodes what they get.
///
/// Each [`Gateway`](super::Gateway) has one. [`Json`](super::Json) is this crate's own; a service
/// with another format implements this trait and nothing else.
pub trait Protocol: Send + Sync + 'static {
    /// Decodes a frame of a client.
    ///
    /// # Errors
    /// The problem with the frame, which is sent to the client; the socket stays open.
    fn decode(&self, text: &str) -> Result<Request, Problem>;

    /// Encodes an update. Updates of a topic are encoded once for all its subscribers.
    fn encode(&self, update: &Update, frames: &mut Frames);

    /// Whether each connection is a session from its start, and subscribing to a topic also enters
    /// it. Default `false`: clients enter explicitly and name their topics.
    fn subscribing_enters(&self) -> bool {
        false
    }

    /// The fields of a session that starts with its connection, for example a meta with the
    /// caller's name; set again when the caller authenticates by a new token. Default: none. Called
    /// only if [`subscribing_enters`](Self::subscribing_enters).
    fn session_fields_of(&self, _caller: &Identity, _connection: &SessionId) -> SessionFields {
        SessionFields::default()
    }

    /// The subprotocols by which clients select this format in the handshake. Default: none.
    fn subprotocols(&self) -> &[&'static str] {
        &[]
    }
}

impl fmt::Debug for dyn Protocol {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Protocol")
    }
}
