//! The keys and pub/sub channels in Redis for other services.

mod link;
pub(crate) mod listen;
pub(crate) mod mirror;

use crate::{Room, Settings};
use link::{Link, Unanswered};
use presence_core::UserId;
use presence_core::store::{self, Kind};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::Notify;

/// The channel of presence changes.
const UPDATES: &str = "presence:updates";
/// The channel of messages.
const BROADCAST: &str = "message:broadcast";

/// The connection for these keys and channels. Cheap to clone.
#[derive(Clone)]
pub(crate) struct Redis {
    link: Link,
    presence_ttl: Duration,
    typing_ttl: Duration,
    /// Notified when Redis is reachable again, perhaps with its data lost.
    back: Arc<Notify>,
}

impl Redis {
    /// For this URL; connects when it is needed.
    ///
    /// # Errors
    /// [`Kind::Rejected`] for an invalid URL.
    pub fn new(url: &str, settings: &Settings) -> store::Result<Self> {
        let link =
            Link::new(url).map_err(|()| store::Error::new(Kind::Rejected, "the URL cannot be used"))?;
        let (presence_ttl, typing_ttl) = (settings.presence_ttl(), settings.typing_ttl());
        Ok(Self { link, presence_ttl, typing_ttl, back: Arc::default() })
    }

    /// Publishes a message for all instances.
    ///
    /// # Errors
    /// [`Kind::Unavailable`] when Redis does not answer, or no instance listens.
    pub async fn broadcast(&self, payload: &str) -> store::Result<()> {
        let mut publish = ::redis::pipe();
        publish.publish(BROADCAST, payload);
        match self.link.run::<(u64,)>(&publish).await {
            Ok((0,)) => Err(store::Error::new(Kind::Unavailable, "no subscriber")),
            Ok(_) => Ok(()),
            Err(Unanswered) => Err(store::Error::new(Kind::Unavailable, "redis does not answer")),
        }
    }

    /// Writes the key `typing:{room}:{user}` with the name of a user who types; without a name,
    /// removes it.
    pub async fn note_typing(&self, room: Room<'_>, user: &UserId, name: Option<&String>) {
        let key = format!("typing:{}:{user}", room.id);
        let mut note = ::redis::pipe();
        match name {
            Some(name) => note.set_ex(key, name, self.typing_ttl.as_secs()).ignore(),
            None => note.del(key).ignore(),
        };
        // A lost write is repeated while the user goes on typing, and the key expires by itself.
        let _ = self.link.run::<()>(&note).await;
    }
}
