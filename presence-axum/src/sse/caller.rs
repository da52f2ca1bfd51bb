//! Who watches, and until when.

use crate::auth::{Identity, Transport};
use crate::limits::{Client, Permit};
use crate::{Error, Mount};
use axum::extract::Request;
use bytes::Bytes;
use futures_util::future::Either;
use futures_util::{Stream, StreamExt, stream};
use http::request::Parts;
use presence_core::{Scope, Topic};

/// Told to those who may not go on: they come back with what they have by then, and are let in or
/// refused.
const RETRY: Bytes = Bytes::from_static(b"retry: 2000\n\n");

/// As how many topics a scope counts.
fn topics(scope: &Scope) -> usize {
    if let Scope::Users(users) = scope { users.len().div_ceil(16) } else { 1 }
}

/// Somebody who may watch.
pub(super) struct Watcher {
    mount: Mount,
    caller: Identity,
    parts: Parts,
    scopes: Vec<Scope>,
}

impl Watcher {
    /// Lets somebody in who asks to watch this topic, or everyone.
    pub(super) async fn admit(
        mount: &Mount,
        request: Request,
        topic: Option<Topic>,
    ) -> Result<(Self, Permit), Error> {
        let (parts, _) = request.into_parts();
        let scope = topic.map_or(Scope::All, Scope::Topic);
        Self::identify(mount, parts).await?.admitted(vec![scope]).await
    }

    /// Asks who calls, before it is known what they want to watch.
    pub(super) async fn identify(mount: &Mount, mut parts: Parts) -> Result<Self, Error> {
        mount.gate().query(&parts.extensions, &parts.headers)?;
        let caller = mount.caller(&mut parts, Transport::Stream).await?;
        Ok(Self { mount: mount.clone(), caller, parts, scopes: Vec::new() })
    }

    /// Lets them in if they may watch all of these.
    pub(super) async fn admitted(self, scopes: Vec<Scope>) -> Result<(Self, Permit), Error> {
        self.mount.permit_watching(&self.caller, &scopes).await?;
        let gate = self.mount.gate();
        let client = Client::of(&self.parts.extensions, &self.parts.headers, gate.limits().trusted_proxies);
        let mut permit = gate.admit(client)?;
        for _ in 0..scopes.iter().map(topics).sum() {
            permit.watch()?;
        }
        Ok((Self { scopes, ..self }, permit))
    }

    /// Ends a stream when its watcher may no longer watch.
    pub(super) fn bound(self, frames: impl Stream<Item = Bytes> + Send) -> impl Stream<Item = Bytes> + Send {
        if !self.mount.guard().identifies() {
            return Either::Left(frames);
        }
        let refused = self.mount.until_refused(self.parts, Transport::Stream, &self.caller, self.scopes);
        Either::Right(frames.take_until(refused).chain(stream::iter([RETRY])))
    }
}
