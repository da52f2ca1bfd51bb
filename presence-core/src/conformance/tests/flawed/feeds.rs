//! Feeds of broken stores.

use super::*;

/// Breaks the proofs of time; `now` is the time of the server's clock.
pub(super) fn spoil_time(
    feed: BoxStream<'static, FeedEvent>,
    flaw: Flaw,
    now: impl Fn() -> Timestamp + Send + 'static,
) -> BoxStream<'static, FeedEvent> {
    let mut began = None;
    feed.map(move |message| match (message, flaw) {
        (FeedEvent::Unproven { shard }, Flaw::ProofsOnlyRead) => {
            FeedEvent::Alive { shard, at: now(), blind: Arc::default() }
        }
        (FeedEvent::Alive { shard, blind, .. }, Flaw::TimeIsTheClocks) => {
            FeedEvent::Alive { shard, at: now(), blind }
        }
        (FeedEvent::Alive { shard, at, blind }, Flaw::StretchesAreTheFeeds) => {
            let began = *began.get_or_insert(at);
            let blind = blind.iter().filter(|stretch| stretch.to > began).copied().collect();
            FeedEvent::Alive { shard, at, blind }
        }
        (FeedEvent::Alive { shard, at, blind }, Flaw::LossesLeaveNoStretch) => {
            let blind = blind.iter().filter(|stretch| stretch.length() > SILENCE).copied().collect();
            FeedEvent::Alive { shard, at, blind }
        }
        (other, _) => other,
    })
    .boxed()
}

pub(super) fn spoil_feed(feed: BoxStream<'static, FeedEvent>, flaw: Flaw) -> BoxStream<'static, FeedEvent> {
    let mut synced = false;
    match flaw {
        Flaw::WatchLosesAPut => feed
            .filter(move |message| {
                let loses = synced && matches!(message, FeedEvent::Facts(_));
                synced |= matches!(message, FeedEvent::Synced { .. });
                // Only the first one after the snapshot.
                synced &= !loses;
                ready(!loses)
            })
            .boxed(),
        Flaw::WatchLosesTouches => {
            feed.filter(|message| ready(!matches!(message, FeedEvent::Touched(_)))).boxed()
        }
        Flaw::WatchLosesForgets => {
            feed.filter(|message| ready(!matches!(message, FeedEvent::Forgotten(_)))).boxed()
        }
        Flaw::SyncedComesTooEarly => {
            let epoch = Arc::from("early");
            stream::iter([FeedEvent::Synced { shard: 0, epoch }])
                .chain(feed.filter(|message| ready(!matches!(message, FeedEvent::Synced { .. }))))
                .boxed()
        }
        Flaw::TimeIsProvenTooEarly => feed
            .flat_map(move |message| {
                synced |= matches!(message, FeedEvent::Synced { .. });
                let early = synced && matches!(message, FeedEvent::Facts(_));
                let proof =
                    early.then_some(FeedEvent::Alive { shard: 0, at: Timestamp::MAX, blind: Arc::default() });
                stream::iter(proof.into_iter().chain([message]))
            })
            .boxed(),
        Flaw::OneEpochForEver => feed
            .map(|message| match message {
                FeedEvent::Synced { shard, .. } => FeedEvent::Synced { shard, epoch: Arc::from("1") },
                other => other,
            })
            .boxed(),
        Flaw::WatchLosesRecords => feed
            .map(|message| match message {
                FeedEvent::Facts(facts) => {
                    FeedEvent::Facts(Arc::new(Facts { users: Vec::new(), ..Facts::clone(&facts) }))
                }
                other => other,
            })
            .boxed(),
        Flaw::FactsLackNodes => feed
            .map(|message| match message {
                FeedEvent::Facts(facts) => {
                    FeedEvent::Facts(Arc::new(Facts { nodes: Vec::new(), ..Facts::clone(&facts) }))
                }
                other => other,
            })
            .boxed(),
        _ => feed,
    }
}
