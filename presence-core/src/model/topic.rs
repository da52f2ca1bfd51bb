//! Where a session is: a page, a room, a channel, a job.

use super::id::{Invalid, name};
use crate::time::Timestamp;
use compact_str::CompactString;
use serde::{Deserialize, Serialize};
use std::fmt;
use std::sync::Arc;

/// The most topics one session can be in.
pub const MAX_TOPICS: usize = 64;
/// The most bytes the names of one session's topics take together.
pub const MAX_TOPICS_BYTES: usize = 16 * 1024;

name! {
    /// Where: a page, room, channel or job (1 to 1,024 bytes, no control characters).
    Topic, "topic", 1024
}

/// A session's stay in one topic.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Stay {
    /// The topic of the session.
    pub topic: Topic,
    /// When the stay ends, if the session has left this topic and its grace still runs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub until: Option<Timestamp>,
}

/// The topics of one session, sorted and without repetition (0 to [`MAX_TOPICS`]).
///
/// Cloning shares the list.
#[derive(Clone, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "Vec<Stay>", into = "Vec<Stay>")]
pub struct Topics(Option<Arc<[Stay]>>);

impl Topics {
    /// In no topic at all.
    pub const NONE: Self = Self(None);

    /// Gathers topics to stay in until further notice.
    ///
    /// # Errors
    /// [`Invalid`] when there are more than [`MAX_TOPICS`], or their names exceed
    /// [`MAX_TOPICS_BYTES`].
    pub fn new(topics: impl IntoIterator<Item = Topic>) -> Result<Self, Invalid> {
        Self::of(topics.into_iter().map(|topic| Stay { topic, until: None }).collect())
    }

    /// Gathers stays, each of which may already have its end.
    ///
    /// # Errors
    /// Those of [`Topics::new`].
    pub fn of(mut stays: Vec<Stay>) -> Result<Self, Invalid> {
        if stays.is_empty() {
            return Ok(Self::NONE);
        }
        // Of two stays in one topic the longer one counts; `None` is for ever.
        stays.sort_unstable_by(|a, b| {
            (&a.topic, a.until.is_some(), b.until).cmp(&(&b.topic, b.until.is_some(), a.until))
        });
        stays.dedup_by(|later, kept| later.topic == kept.topic);
        if stays.len() > MAX_TOPICS {
            return Err(Invalid::TooLong { what: "list of topics", max: MAX_TOPICS, unit: "entries" });
        }
        if stays.iter().map(|stay| stay.topic.as_str().len()).sum::<usize>() > MAX_TOPICS_BYTES {
            return Err(Invalid::TooLong { what: "list of topics", max: MAX_TOPICS_BYTES, unit: "bytes" });
        }
        Ok(Self(Some(stays.into())))
    }

    /// The stays, sorted by topic.
    pub fn stays(&self) -> &[Stay] {
        self.0.as_deref().unwrap_or_default()
    }

    /// The names, sorted, whether or not a stay has its end.
    pub fn names(&self) -> impl Iterator<Item = &Topic> {
        self.stays().iter().map(|stay| &stay.topic)
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.stays().len()
    }

    /// Whether the session is in no topic.
    pub fn is_empty(&self) -> bool {
        self.0.is_none()
    }

    /// These stays, those in `leaving` ending at `ends_at` unless they end earlier already.
    pub fn leaving(&self, leaving: &[Topic], ends_at: Timestamp) -> Self {
        let stays = self.stays().iter().map(|stay| {
            let until = if leaving.contains(&stay.topic) {
                Some(stay.until.map_or(ends_at, |until| until.min(ends_at)))
            } else {
                stay.until
            };
            Stay { topic: stay.topic.clone(), until }
        });
        let stays: Vec<_> = stays.collect();
        Self(if stays.is_empty() { None } else { Some(stays.into()) })
    }
}

impl fmt::Debug for Topics {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.stays()).finish()
    }
}

impl TryFrom<Vec<Stay>> for Topics {
    type Error = Invalid;
    fn try_from(stays: Vec<Stay>) -> Result<Self, Invalid> {
        Self::of(stays)
    }
}

impl From<Topics> for Vec<Stay> {
    fn from(topics: Topics) -> Self {
        topics.stays().to_vec()
    }
}
