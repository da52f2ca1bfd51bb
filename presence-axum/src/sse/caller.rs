//! Who watches, and until when.

use crate::auth::{Action, Identity, On, Transport};
use crate::limits::{Client, Permit};
use crate::{Error, Mount};
use axum::extract::Request;
use bytes::Bytes;
use futures_util::future::Either;
use futures_util::{Stream, StreamExt, stream};
use http::request::Parts;
use presence_core::{Topic, UserId};
use std::collections::BTreeSet;

/// Told to those who may not go on: they come back with what they have by then, and are let in or refused.
const RETRY: Bytes = Bytes::from_static(b"retry: 2000\n\n");

/// Somebody who may watch.
pub(super) struct Watcher {
    mount: Mount,
    caller: Identity,
    parts: Parts,
    /// What is watched; `None` is everyone.
    topics: Vec<Option<Topic>>,
}

impl Watcher {
    /// Lets somebody in who asks to watch this topic, or everyone.
    pub(super) async fn admit(
        mount: &Mount,
        request: Request,
        topic: Option<Topic>,
    ) -> Result<(Self, Permit), Error> {
        let (parts, _) = request.into_parts();
        Self::identify(mount, parts).await?.admitted(vec![topic], &BTreeSet::new()).await
    }

    /// Asks who calls, before it is known what they want to watch.
    pub(super) async fn identify(mount: &Mount, mut parts: Parts) -> Result<Self, Error> {
        mount.gate().query(&parts.extensions, &parts.headers)?;
        let caller = mount.caller(&mut parts, Transport::Stream).await?;
        Ok(Self { mount: mount.clone(), caller, parts, topics: Vec::new() })
    }

    /// Lets them in if they may watch all of these.
    pub(super) async fn admitted(
        self,
        topics: Vec<Option<Topic>>,
        users: &BTreeSet<UserId>,
    ) -> Result<(Self, Permit), Error> {
        let topics_on = topics.iter().map(|topic| On::topic_or_everyone(topic.as_ref()));
        for on in topics_on.chain(users.iter().map(On::User)) {
            self.mount.permit(&self.caller, Action::Watch, on).await?;
        }
        let gate = self.mount.gate();
        let client = Client::of(&self.parts.extensions, &self.parts.headers, gate.limits().trusted_proxies);
        let permit = gate.admit(client)?;
        Ok((Self { topics, ..self }, permit))
    }

    /// Ends a stream when its watcher may no longer watch.
    pub(super) fn bound(self, frames: impl Stream<Item = Bytes> + Send) -> impl Stream<Item = Bytes> + Send {
        if !self.mount.guard().identifies() {
            return Either::Left(frames);
        }
        let refused = self.mount.until_refused(self.parts, Transport::Stream, &self.caller, self.topics);
        Either::Right(frames.take_until(refused).chain(stream::iter([RETRY])))
    }
}
