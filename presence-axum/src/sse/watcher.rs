//! [`Watcher`]: the caller of an event stream. It has the right to watch; once the right is lost, the
//! stream ends.

use crate::auth::{Identity, Transport};
use crate::limits::{Client, Permit};
use crate::{Error, Mount};
use axum::extract::Request;
use bytes::Bytes;
use futures_util::future::Either;
use futures_util::{Stream, StreamExt, stream};
use http::request::Parts;
use presence_core::{Scope, Topic};

/// The last bytes of a stream whose caller lost a right: the client reconnects after 2 s with its
/// current token, and is admitted or refused.
const RETRY: Bytes = Bytes::from_static(b"retry: 2000\n\n");

/// The number of topics that a scope counts as in the limits.
fn topics(scope: &Scope) -> usize {
    if let Scope::Users(users) = scope { users.len().div_ceil(16) } else { 1 }
}

/// A caller who may watch the scopes.
pub(super) struct Watcher {
    mount: Mount,
    caller: Identity,
    parts: Parts,
    scopes: Vec<Scope>,
}

impl Watcher {
    /// Admits a caller who wants to watch this topic, or everyone.
    pub(super) async fn admit(
        mount: &Mount,
        request: Request,
        topic: Option<Topic>,
    ) -> Result<(Self, Permit), Error> {
        let (parts, _) = request.into_parts();
        let scope = topic.map_or(Scope::All, Scope::Topic);
        Self::identify(mount, parts).await?.admitted(vec![scope]).await
    }

    /// Identifies the caller, before the scopes to watch are known.
    pub(super) async fn identify(mount: &Mount, mut parts: Parts) -> Result<Self, Error> {
        mount.limiter().query(&parts.extensions, &parts.headers)?;
        let caller = mount.caller(&mut parts, Transport::Stream).await?;
        Ok(Self { mount: mount.clone(), caller, parts, scopes: Vec::new() })
    }

    /// Admits the caller if they may watch all of these scopes.
    pub(super) async fn admitted(self, scopes: Vec<Scope>) -> Result<(Self, Permit), Error> {
        self.mount.permit_watching(&self.caller, &scopes).await?;
        let limiter = self.mount.limiter();
        let client =
            Client::of(&self.parts.extensions, &self.parts.headers, limiter.limits().trusted_proxies);
        let mut permit = limiter.admit(client)?;
        for _ in 0..scopes.iter().map(topics).sum() {
            permit.watch()?;
        }
        Ok((Self { scopes, ..self }, permit))
    }

    /// Ends the stream when the caller may no longer watch it.
    pub(super) fn bound(self, frames: impl Stream<Item = Bytes> + Send) -> impl Stream<Item = Bytes> + Send {
        if !self.mount.guard().identifies() {
            return Either::Left(frames);
        }
        let refused = self.mount.until_refused(self.parts, Transport::Stream, &self.caller, self.scopes);
        Either::Right(frames.take_until(refused).chain(stream::iter([RETRY])))
    }
}
