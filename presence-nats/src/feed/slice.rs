//! Messages of the bucket, gathered into what a watch tells.

use presence_core::store::{Facts, FeedEvent, ForgetIf};
use std::sync::Arc;

/// What is told next, in order.
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
    /// What is to be told.
    pub(super) fn feeds(self) -> impl Iterator<Item = FeedEvent> {
        self.parts.into_iter().map(Part::into_feed)
    }

    /// Facts to add one entry to.
    pub(super) fn facts(&mut self) -> &mut Facts {
        self.entries += 1;
        if !matches!(self.parts.last(), Some(Part::Facts(_))) {
            self.parts.push(Part::Facts(Facts::default()));
        }
        match self.parts.last_mut() {
            Some(Part::Facts(facts)) => facts,
            _ => unreachable!("it was pushed if it was not there"),
        }
    }

    /// What was forgotten, to add one entry to.
    pub(super) fn forgotten(&mut self) -> &mut Vec<ForgetIf> {
        self.entries += 1;
        if !matches!(self.parts.last(), Some(Part::Forgotten(_))) {
            self.parts.push(Part::Forgotten(Vec::new()));
        }
        match self.parts.last_mut() {
            Some(Part::Forgotten(seen)) => seen,
            _ => unreachable!("it was pushed if it was not there"),
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
