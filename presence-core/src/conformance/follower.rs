//! A reader of a watch, which applies its events to a state as a roster would.

use super::{Harness, Reference};
use crate::store::{FeedEvent, PresenceStore};
use crate::time::{Blind, Timestamp};
use futures_util::future::BoxFuture;
use futures_util::stream::{BoxStream, StreamExt};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

/// Time that passes before a waiting reader checks its state again.
const TURN: Duration = Duration::from_millis(250);

/// What one handle's watch has delivered so far.
pub(super) struct Follower<'h, H> {
    harness: &'h H,
    pub(super) store: Arc<dyn PresenceStore>,
    feed: BoxStream<'static, FeedEvent>,
    /// Continues while events arrive, so that a feed that never pauses uses up the
    /// patience as well.
    turn: BoxFuture<'h, ()>,
    pub(super) view: Reference,
    /// The epoch of each synced shard.
    pub(super) epochs: BTreeMap<u16, Arc<str>>,
    /// The newest proven time of each shard.
    pub(super) proven: BTreeMap<u16, Timestamp>,
    /// The last reported blind stretches of each shard.
    pub(super) blind: BTreeMap<u16, Arc<[Blind]>>,
    /// How often the feed has ended.
    pub(super) restarts: u32,
}

impl<'h, H: Harness> Follower<'h, H> {
    pub(super) fn new(harness: &'h H, store: &Arc<dyn PresenceStore>) -> Self {
        Self {
            harness,
            store: Arc::clone(store),
            feed: store.watch(),
            turn: harness.advance(TURN),
            view: Reference::default(),
            epochs: BTreeMap::new(),
            proven: BTreeMap::new(),
            blind: BTreeMap::new(),
            restarts: 0,
        }
    }

    /// The next event, or `None` if none arrived within a turn. A feed that ended is replaced by a
    /// new one, which delivers everything again.
    pub(super) async fn next(&mut self) -> Option<FeedEvent> {
        let message = tokio::select! {
            biased;
            message = self.feed.next() => message,
            () = &mut self.turn => {
                self.turn = self.harness.advance(TURN);
                return None;
            }
        };
        let Some(message) = message else {
            self.harness.advance(TURN).await;
            let restarts = self.restarts + 1;
            *self = Self { restarts, ..Self::new(self.harness, &self.store) };
            return None;
        };
        self.view.apply(&message);
        match &message {
            FeedEvent::Synced { shard, epoch } => {
                self.epochs.insert(*shard, Arc::clone(epoch));
            }
            FeedEvent::Alive { shard, at, blind } => {
                self.proven.insert(*shard, *at);
                self.blind.insert(*shard, Arc::clone(blind));
            }
            _ => {}
        }
        Some(message)
    }

    /// Reads until `holds` returns true; panics after the harness's patience.
    pub(super) async fn until(&mut self, what: &str, holds: impl Fn(&Self) -> bool) {
        let mut turns = self.harness.patience().as_millis() / TURN.as_millis();
        while !holds(self) {
            assert!(turns > 0, "waited in vain: {what}\n{:#?}", self.view);
            if self.next().await.is_none() {
                turns -= 1;
            }
        }
    }

    /// Panics with the differences unless the view equals `expected`.
    pub(super) fn expect(&self, what: &str, expected: &Reference) {
        let (view, expected) = (&self.view, expected);
        let sessions = view.sessions.keys().chain(expected.sessions.keys());
        for key in sessions {
            assert_eq!(view.sessions.get(key), expected.sessions.get(key), "{what}: session {key:?}");
        }
        for user in view.users.keys().chain(expected.users.keys()) {
            assert_eq!(view.users.get(user), expected.users.get(user), "{what}: record of {user:?}");
        }
        let nodes = view.nodes.keys().chain(expected.nodes.keys());
        for id in nodes {
            assert_eq!(view.nodes.get(id), expected.nodes.get(id), "{what}: node {id:?}");
        }
    }

    /// Reads until every shard has delivered its snapshot.
    pub(super) async fn synced(&mut self) {
        let shards = usize::from(self.store.shards());
        self.until("every shard is synced", |reader| reader.epochs.len() == shards).await;
    }

    /// Reads until everything written before this call has been delivered.
    pub(super) async fn caught_up(&mut self) {
        let written = self.store.now().await.expect("a store that works returns its time");
        let shards = self.store.shards();
        let proven = |reader: &Self| {
            (0..shards).all(|shard| reader.proven.get(&shard).is_some_and(|proven| *proven > written))
        };
        self.until("every shard proves a later time", proven).await;
    }
}
