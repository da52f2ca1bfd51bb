//! Who is in a scope, as events; counts while that would be too much for one event.

use super::encoded::Encoder;
use crate::metrics::STREAMS;
use bytes::Bytes;
use futures_util::StreamExt;
use futures_util::stream::{self, BoxStream};
use presence_core::{CountUpdates, Presence, Scope, Subscription, Update, Version};
use std::sync::Arc;
use std::time::Duration;

/// How long counts that have been sent stand before others are.
pub(super) const COUNTS_EVERY: Duration = Duration::from_millis(250);

/// Streams a state of a scope, or what changed since a version, and then what changes.
///
/// No event has more than `most` bytes. A state that would is told in counts, which are of all of
/// the scope, until a quarter of the users has gone; then the state is tried again.
pub(super) fn members(
    presence: &Presence,
    scope: Scope,
    after: Option<Version>,
    encoder: Arc<Encoder>,
    most: usize,
) -> BoxStream<'static, Bytes> {
    let updates = match after {
        Some(version) => presence.subscribe(&scope).from(version),
        None => presence.subscribe(&scope),
    };
    let members = Members { presence: presence.clone(), scope, encoder, most, by: By::Name(updates) };
    stream::unfold(members, |mut members| async {
        let event = members.next().await?;
        Some((event, members))
    })
    .boxed()
}

struct Members {
    presence: Presence,
    scope: Scope,
    encoder: Arc<Encoder>,
    most: usize,
    by: By,
}

/// How a scope is told.
enum By {
    Name(Subscription),
    /// In counts until no more than `small` users are left.
    Counts {
        watch: CountUpdates,
        small: u32,
        is_first: bool,
    },
}

impl Members {
    async fn next(&mut self) -> Option<Bytes> {
        loop {
            match &mut self.by {
                By::Name(updates) => {
                    let update = updates.next().await?;
                    let event = self.encoder.encode(&update, self.most, || self.presence.health().view);
                    if let Some(event) = event {
                        STREAMS.diffs.increment(1);
                        return Some(event);
                    }
                    self.by = match update {
                        Update::Snapshot(state) => self.in_counts(state.counts().online),
                        // All that is there may be less than all that has changed.
                        Update::Diff(_) => By::Name(self.presence.subscribe(&self.scope)),
                    };
                }
                By::Counts { watch, small, is_first } => {
                    if !std::mem::take(is_first) {
                        let clock = self.presence.clock();
                        clock.sleep_until(clock.now() + COUNTS_EVERY).await;
                    }
                    let counts = watch.next().await?;
                    if counts.online <= *small {
                        self.by = By::Name(self.presence.subscribe(&self.scope));
                    } else {
                        return Some(self.encoder.counts(counts));
                    }
                }
            }
        }
    }

    fn in_counts(&self, online: u32) -> By {
        By::Counts { watch: self.presence.watch_counts(&self.scope), small: online / 4 * 3, is_first: true }
    }
}
