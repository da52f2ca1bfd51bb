//! A slice: messages of the bucket, grouped into the events that a watch reports.

use presence_core::store::{Facts, FeedEvent, ForgetIf};
use std::sync::Arc;

/// The events to report next, in the order of their messages.
#[derive(Default)]
pub(super) struct Slice {
    parts: Vec<Part>,
    pub(super) entries: usize,
}

enum Part {
    Facts(Facts),
    Forgotten(Vec<ForgetIf>),
}

impl Slice {
    /// The events of this slice, in order.
    pub(super) fn feeds(self) -> impl Iterator<Item = FeedEvent> {
        self.parts.into_iter().map(Part::into_feed)
    }

    /// The facts event that the next entry is added to.
    pub(super) fn facts(&mut self) -> &mut Facts {
        self.entries += 1;
        if !matches!(self.parts.last(), Some(Part::Facts(_))) {
            self.parts.push(Part::Facts(Facts::default()));
        }
        match self.parts.last_mut() {
            Some(Part::Facts(facts)) => facts,
            _ => unreachable!("pushed above if it was missing"),
        }
    }

    /// The event of forgotten sessions that the next entry is added to.
    pub(super) fn forgotten(&mut self) -> &mut Vec<ForgetIf> {
        self.entries += 1;
        if !matches!(self.parts.last(), Some(Part::Forgotten(_))) {
            self.parts.push(Part::Forgotten(Vec::new()));
        }
        match self.parts.last_mut() {
            Some(Part::Forgotten(seen)) => seen,
            _ => unreachable!("pushed above if it was missing"),
        }
    }
}

impl Part {
    fn into_feed(self) -> FeedEvent {
        match self {
            Self::Facts(facts) => FeedEvent::Facts(Arc::new(facts)),
            Self::Forgotten(seen) => FeedEvent::Forgotten(seen.into()),
        }
    }
}
