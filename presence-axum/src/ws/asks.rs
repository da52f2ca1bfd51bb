//! What a connection waits for: permissions, tokens, and the broker.

use super::gateway::channel_of;
use super::{Command, Problem, Reference, Request, Token, Update, Wish};
use crate::auth::{Action, Identity, Refused, Resource, Transport};
use crate::ws::Close;
use crate::{Error, Mount};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use http::request::Parts;
use presence_core::broker::{Publish, Published};
use presence_core::store::Kind;
use presence_core::{Broker, Topic, UserId};
use sha2::{Digest, Sha256};
use std::sync::Arc;
use std::time::Duration;

/// How long the broker may take.
const PUBLISHED_WITHIN: Duration = Duration::from_secs(5);

/// What becomes of a frame that had to wait.
pub(super) enum Then {
    /// It may be done.
    Do(Request),
    /// Those subscriptions that were not refused may begin.
    Subscribe { wishes: Vec<(Wish, Option<Error>)>, reference: Option<Reference> },
    /// This is its answer.
    Tell(Box<Update>),
    /// The caller is known until later.
    Renew(Identity, Option<Reference>),
}

fn refuse(error: Error, reference: Option<Reference>) -> Then {
    Then::Tell(Box::new(Update::Problem(Problem::from(error).of(reference))))
}

/// Asks whether the caller may do this.
///
/// With `joins` a subscription also places the caller in its topic.
pub(super) async fn permitted(mount: Mount, caller: Identity, request: Request, joins: bool) -> Then {
    let Request { reference, command } = request;
    let command = match command {
        Command::Subscribe(wishes) => {
            let mut asked = Vec::with_capacity(wishes.len());
            for wish in wishes {
                let refused = may_subscribe(&mount, &caller, wish.topic.as_ref(), joins).await.err();
                asked.push((wish, refused));
            }
            return Then::Subscribe { wishes: asked, reference };
        }
        command => command,
    };
    if let Command::Enter { user, .. } = &command
        && let Some(user) = user.as_ref().or(caller.user())
        && let Err(error) = mount.permit_speaking(&caller, user).await
    {
        return refuse(error, reference);
    }
    for (action, on) in command.asks() {
        if let Err(error) = mount.permit(&caller, action, on).await {
            return refuse(error, reference);
        }
    }
    Then::Do(Request { reference, command })
}

async fn may_subscribe(
    mount: &Mount,
    caller: &Identity,
    topic: Option<&Topic>,
    joins: bool,
) -> Result<(), Error> {
    mount.permit(caller, Action::Watch, Resource::topic_or_everyone(topic)).await?;
    if joins && let Some(topic) = topic {
        mount.permit(caller, Action::Enter, Resource::Topic(topic)).await?;
    }
    Ok(())
}

/// Asks whose token this is.
pub(super) async fn renewed(
    mount: Mount,
    caller: Identity,
    token: Token,
    reference: Option<Reference>,
) -> Then {
    match mount.refreshed(&caller, token.as_str()).await {
        Ok(identity) => Then::Renew(identity, reference),
        Err(error) => refuse(error, reference),
    }
}

/// The idempotency key of a user: nobody can use up another's.
pub(super) fn key_of(user: &UserId, key: &str) -> Box<str> {
    let digest = Sha256::new().chain_update(user.as_str()).chain_update([0]).chain_update(key).finalize();
    STANDARD.encode(digest).into()
}

/// Stores a message.
pub(super) async fn published(
    broker: Arc<dyn Broker>,
    topic: Topic,
    payload: Bytes,
    key: Option<Box<str>>,
    reference: Option<Reference>,
) -> Then {
    let problem = |code, words: &'static str| {
        let problem = Problem::new(code, words).of(reference.clone()).in_topic(Some(topic.clone()));
        Then::Tell(Box::new(Update::Problem(problem)))
    };
    let Some(channel) = channel_of(&topic) else { return problem(400, "invalid topic") };
    let publish = Publish::new(channel, payload);
    let publish = match key {
        Some(key) => publish.key(key),
        None => publish,
    };
    let stored = match tokio::time::timeout(PUBLISHED_WITHIN, broker.publish(publish)).await {
        Ok(Ok(Published::Stored(id))) => (id, false),
        Ok(Ok(Published::Repeated(id))) => (id, true),
        Ok(Ok(Published::Closed(_))) => return problem(409, "closed"),
        Ok(Err(error)) if error.kind() == Kind::Rejected => return problem(413, "data is too large"),
        Ok(Err(error)) => {
            tracing::warn!(%error, "a message could not be stored");
            return problem(503, "store");
        }
        Err(_) => return problem(503, "store"),
    };
    let (id, repeated) = stored;
    Then::Tell(Box::new(Update::Published { reference, topic, id, repeated }))
}

/// What came of asking again whether a caller may be here.
pub(super) struct Checked {
    /// The request, to ask by it again.
    pub(super) parts: Option<Parts>,
    /// The caller may not be here at all any more.
    pub(super) close: Option<Close>,
    /// Topics that the caller may not watch any more.
    pub(super) lost: Vec<Option<Topic>>,
}

/// Asks again whether a caller is who it was, where a request can tell, and may watch these topics.
pub(super) async fn checked(
    mount: Mount,
    mut caller: Identity,
    mut parts: Option<Parts>,
    topics: Vec<Option<Topic>>,
) -> Checked {
    let mut close = None;
    if let Some(parts) = &mut parts {
        match mount.guard().identify(parts, Transport::Socket).await {
            Ok(again) if again.user() == caller.user() => caller = again,
            Ok(_) | Err(Refused::Forbidden | Refused::ForeignOrigin) => close = Some(Close::Forbidden),
            // It cannot be told at the moment, and changes nothing.
            Err(Refused::Unavailable) => {}
            Err(_) => close = Some(Close::Expired),
        }
    }
    let mut lost = Vec::new();
    for topic in topics {
        let on = Resource::topic_or_everyone(topic.as_ref());
        if mount.guard().permit(&caller, Action::Watch, on).await.is_err() {
            lost.push(topic);
        }
    }
    Checked { parts, close, lost }
}
