//! What other services find in Redis: keys, and channels of plain pub/sub.

pub(crate) mod heard;
mod link;
pub(crate) mod mirror;

use crate::{Room, Settings};
use link::{Link, Unanswered};
use presence_core::UserId;
use presence_core::store::{self, Kind};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::Notify;

/// Where changes of presence are published.
const UPDATES: &str = "presence:updates";
/// Where messages are published.
const BROADCAST: &str = "message:broadcast";

/// The connection to what other services find in Redis. Cheap to clone.
#[derive(Clone)]
pub(crate) struct Redis {
    link: Link,
    presence_ttl: Duration,
    typing_ttl: Duration,
    /// Told when Redis is there again: it may have come back empty.
    back: Arc<Notify>,
}

impl Redis {
    /// At this address; connects when it is needed.
    ///
    /// # Errors
    /// [`Kind::Rejected`] for a URL that cannot be used.
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
            Ok((0,)) => Err(store::Error::new(Kind::Unavailable, "nobody listens")),
            Ok(_) => Ok(()),
            Err(Unanswered) => Err(store::Error::new(Kind::Unavailable, "redis does not answer")),
        }
    }

    /// Notes who types in `typing:{room}:{user}`, with the name to show; without one, that they
    /// have stopped.
    pub async fn note_typing(&self, room: Room<'_>, user: &UserId, name: Option<&String>) {
        let key = format!("typing:{}:{user}", room.id);
        let mut note = ::redis::pipe();
        match name {
            Some(name) => note.set_ex(key, name, self.typing_ttl.as_secs()).ignore(),
            None => note.del(key).ignore(),
        };
        // A note that is lost is made again when the user goes on, and ends by itself.
        let _ = self.link.run::<()>(&note).await;
    }
}
