//! The wire format of this gateway, spoken over [`presence_axum::ws`].

mod decode;
mod encode;

pub(crate) use decode::named;

use crate::profile;
use presence_axum::auth::Identity;
use presence_axum::ws::{Frames, Problem, Protocol, Request, Said, Update};
use presence_core::{NodeId, Presence, SessionId};

/// Reads and writes frames. A connection is a session from its beginning, and a subscription places
/// it in the room.
#[derive(Debug)]
pub struct Chat {
    presence: Presence,
    node: NodeId,
}

impl Chat {
    /// Of this presence, which is asked whether somebody who left a room is still elsewhere.
    pub fn new(presence: &Presence) -> Self {
        Self { presence: presence.clone(), node: presence.node().id }
    }
}

impl Protocol for Chat {
    fn decode(&self, text: &str) -> Result<Request, Problem> {
        let command = decode::command(text)?;
        Ok(Request { reference: None, command })
    }

    fn encode(&self, update: &Update, frames: &mut Frames) {
        encode::update(&self.presence, update, frames);
    }

    fn subscribing_is_being_there(&self) -> bool {
        true
    }

    fn says_of(&self, caller: &Identity, connection: &SessionId) -> Said {
        let mut said = Said::default();
        said.meta = caller.name().and_then(|name| profile::meta(name, connection, &self.node));
        said
    }
}
