//! The steps of a command that have to wait: permissions, tokens, and the broker.

use super::gateway::channel_of;
use super::{Command, Problem, Reference, Request, SubscriptionRequest, Token, Update};
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

/// The time limit for storing a message.
const PUBLISH_TIMEOUT: Duration = Duration::from_secs(5);

/// The result of such a step, which the connection then carries out.
pub(super) enum Outcome {
    /// The command is permitted.
    Execute(Request),
    /// Some of the subscriptions may be permitted; those with an error are refused.
    Subscribe { subscriptions: Vec<(SubscriptionRequest, Option<Error>)>, reference: Option<Reference> },
    /// The response to the command.
    Respond(Box<Update>),
    /// The token is valid: the caller is authenticated for longer.
    Renew(Identity, Option<Reference>),
}

fn refuse(error: Error, reference: Option<Reference>) -> Outcome {
    Outcome::Respond(Box::new(Update::Problem(Problem::from(error).of(reference))))
}

/// Checks whether the caller may execute this command.
///
/// With `subscribing_enters`, a subscription also enters the topic and needs that right too.
pub(super) async fn permitted(
    mount: Mount,
    caller: Identity,
    request: Request,
    subscribing_enters: bool,
) -> Outcome {
    let Request { reference, command } = request;
    let command = match command {
        Command::Subscribe(subscriptions) => {
            let mut asked = Vec::with_capacity(subscriptions.len());
            for subscription in subscriptions {
                let refused = may_subscribe(&mount, &caller, subscription.topic.as_ref(), subscribing_enters)
                    .await
                    .err();
                asked.push((subscription, refused));
            }
            return Outcome::Subscribe { subscriptions: asked, reference };
        }
        command => command,
    };
    if let Command::Enter { user, .. } = &command
        && let Some(user) = user.as_ref().or(caller.user())
        && let Err(error) = mount.permit_speaking(&caller, user).await
    {
        return refuse(error, reference);
    }
    for (action, on) in command.rights() {
        if let Err(error) = mount.permit(&caller, action, on).await {
            return refuse(error, reference);
        }
    }
    Outcome::Execute(Request::new(command).reference(reference))
}

async fn may_subscribe(
    mount: &Mount,
    caller: &Identity,
    topic: Option<&Topic>,
    subscribing_enters: bool,
) -> Result<(), Error> {
    mount.permit(caller, Action::Watch, Resource::topic_or_everyone(topic)).await?;
    if subscribing_enters && let Some(topic) = topic {
        mount.permit(caller, Action::Enter, Resource::Topic(topic)).await?;
    }
    Ok(())
}

/// Verifies a new token of the caller.
pub(super) async fn renewed(
    mount: Mount,
    caller: Identity,
    token: Token,
    reference: Option<Reference>,
) -> Outcome {
    match mount.refreshed(&caller, token.as_str()).await {
        Ok(identity) => Outcome::Renew(identity, reference),
        Err(error) => refuse(error, reference),
    }
}

/// The idempotency key as the broker gets it: hashed with the user, so that users cannot use up
/// each other's keys.
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
) -> Outcome {
    let problem = |code, words: &'static str| {
        let problem = Problem::new(code, words).of(reference.clone()).in_topic(Some(topic.clone()));
        Outcome::Respond(Box::new(Update::Problem(problem)))
    };
    let Some(channel) = channel_of(&topic) else { return problem(400, "invalid topic") };
    let publish = Publish::new(channel, payload);
    let publish = match key {
        Some(key) => publish.key(key),
        None => publish,
    };
    let published = match tokio::time::timeout(PUBLISH_TIMEOUT, broker.publish(publish)).await {
        Ok(Ok(Published::Closed(_))) => return problem(409, "closed"),
        Ok(Ok(published)) => published,
        Ok(Err(error)) if error.kind() == Kind::Rejected => return problem(413, "data is too large"),
        Ok(Err(error)) => {
            tracing::warn!(%error, "a message could not be stored");
            return problem(503, "store");
        }
        Err(_) => return problem(503, "store"),
    };
    Outcome::Respond(Box::new(Update::Published { reference, topic, published }))
}

/// The result of a periodic check of a connection's rights.
pub(super) struct Checked {
    /// The head of the request that opened the connection, for the next check.
    pub(super) parts: Option<Parts>,
    /// Set if the caller may not be connected any more.
    pub(super) close: Option<Close>,
    /// The topics that the caller may not watch any more.
    pub(super) revoked: Vec<Option<Topic>>,
}

/// Identifies the caller again, if the head of its request allows that, and checks the right to
/// watch these topics.
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
            // The caller cannot be identified at the moment; nothing changes.
            Err(Refused::Unavailable) => {}
            Err(_) => close = Some(Close::Expired),
        }
    }
    let mut revoked = Vec::new();
    for topic in topics {
        let on = Resource::topic_or_everyone(topic.as_ref());
        if mount.guard().permit(&caller, Action::Watch, on).await.is_err() {
            revoked.push(topic);
        }
    }
    Checked { parts, close, revoked }
}
