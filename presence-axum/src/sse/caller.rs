//! Who watches, and until when.

use crate::auth::{Action, Identity, On, Transport};
use crate::limits::{Client, Permit};
use crate::{Error, Mount};
use axum::extract::Request;
use bytes::Bytes;
use futures_util::future::Either;
use futures_util::{Stream, StreamExt, stream};
use http::request::Parts;
use presence_core::Topic;

/// Told to those who may not go on: they come back with what they have by then, and are let in or refused.
const RETRY: Bytes = Bytes::from_static(b"retry: 2000\n\n");

/// Somebody who may watch.
pub(super) struct Watcher {
    mount: Mount,
    caller: Identity,
    parts: Parts,
    topic: Option<Topic>,
}

impl Watcher {
    /// Lets somebody in who asks to watch this topic, or everyone.
    pub(super) async fn admit(
        mount: &Mount,
        request: Request,
        topic: Option<Topic>,
    ) -> Result<(Self, Permit), Error> {
        let (mut parts, _) = request.into_parts();
        let gate = mount.gate();
        gate.query(&parts.extensions, &parts.headers)?;
        let caller = mount.caller(&mut parts, Transport::Stream).await?;
        mount.permit(&caller, Action::Watch, On::topic_or_everyone(topic.as_ref())).await?;
        let client = Client::of(&parts.extensions, &parts.headers, gate.limits().trusted_proxies);
        let permit = gate.admit(client)?;
        Ok((Self { mount: mount.clone(), caller, parts, topic }, permit))
    }

    /// Ends a stream when its watcher may no longer watch.
    pub(super) fn bound(self, frames: impl Stream<Item = Bytes> + Send) -> impl Stream<Item = Bytes> + Send {
        if !self.mount.guard().identifies() {
            return Either::Left(frames);
        }
        let topics = vec![self.topic];
        let refused = self.mount.until_refused(self.parts, Transport::Stream, &self.caller, topics);
        Either::Right(frames.take_until(refused).chain(stream::iter([RETRY])))
    }
}
