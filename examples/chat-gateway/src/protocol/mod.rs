//! The wire format of this gateway, implemented for [`presence_axum::ws`].

mod decode;
mod encode;

pub(crate) use decode::named;

use crate::profile;
use presence_axum::auth::Identity;
use presence_axum::ws::{Frames, Problem, Protocol, Request, SessionFields, Update};
use presence_core::{NodeId, Presence, SessionId};

/// Encodes and decodes frames. Each connection is a session from its start, and subscribing to a
/// room enters it.
#[derive(Debug)]
pub struct Chat {
    presence: Presence,
    node: NodeId,
}

impl Chat {
    /// `presence` is asked whether a user who left a room is still in another one.
    pub fn new(presence: &Presence) -> Self {
        Self { presence: presence.clone(), node: presence.node().clone() }
    }
}

impl Protocol for Chat {
    fn decode(&self, text: &str) -> Result<Request, Problem> {
        let command = decode::command(text)?;
        Ok(Request::new(command))
    }

    fn encode(&self, update: &Update, frames: &mut Frames) {
        encode::update(&self.presence, update, frames);
    }

    fn subscribing_enters(&self) -> bool {
        true
    }

    fn session_fields_of(&self, caller: &Identity, connection: &SessionId) -> SessionFields {
        let mut fields = SessionFields::default();
        fields.meta = caller.name().and_then(|name| profile::meta(name, connection, &self.node));
        fields
    }
}
