//! The members of a scope as events; as counts while the members would be too much for one event.

use super::encoded::Encoder;
use crate::metrics::STREAMS;
use bytes::Bytes;
use futures_util::StreamExt;
use futures_util::stream::{self, BoxStream};
use presence_core::{CountUpdates, Presence, Scope, Subscription, Update, Version};
use std::sync::Arc;
use std::time::Duration;

/// The minimum time between two events with counts.
pub(super) const COUNTS_EVERY: Duration = Duration::from_millis(250);

/// Streams the state of a scope, or its changes since a version, and then what changes.
///
/// No event has more than `most` bytes. If the state would, counts of the whole scope are sent
/// instead, until a quarter of the users has gone; then the state is tried again.
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
    let members = Members { presence: presence.clone(), scope, encoder, most, mode: Mode::Members(updates) };
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
    mode: Mode,
}

/// What the events contain: members with their changes, or counts.
enum Mode {
    Members(Subscription),
    /// Counts, until no more than `small` users are left.
    Counts {
        watch: CountUpdates,
        small: u32,
        is_first: bool,
    },
}

impl Members {
    async fn next(&mut self) -> Option<Bytes> {
        loop {
            match &mut self.mode {
                Mode::Members(updates) => {
                    let update = updates.next().await?;
                    let event = self.encoder.encode(&update, self.most, || self.presence.health().view);
                    if let Some(event) = event {
                        STREAMS.diffs.increment(1);
                        return Some(event);
                    }
                    self.mode = match update {
                        Update::Snapshot(state) => self.counts_mode(state.counts().online),
                        // The diff is too large, but the state may be smaller than all its changes.
                        Update::Diff(_) => Mode::Members(self.presence.subscribe(&self.scope)),
                    };
                }
                Mode::Counts { watch, small, is_first } => {
                    if !std::mem::take(is_first) {
                        let clock = self.presence.clock();
                        clock.sleep_until(clock.now() + COUNTS_EVERY).await;
                    }
                    let counts = watch.next().await?;
                    if counts.online <= *small {
                        self.mode = Mode::Members(self.presence.subscribe(&self.scope));
                    } else {
                        return Some(self.encoder.counts(counts));
                    }
                }
            }
        }
    }

    fn counts_mode(&self, online: u32) -> Mode {
        Mode::Counts { watch: self.presence.watch_counts(&self.scope), small: online / 4 * 3, is_first: true }
    }
}
