//! Where a session is: a page, a room, a channel, a job.

use super::id::{InvalidValue, name};
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
pub struct Membership {
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
#[serde(try_from = "Vec<Membership>", into = "Vec<Membership>")]
pub struct Topics(Option<Arc<[Membership]>>);

impl Topics {
    /// In no topic at all.
    pub const NONE: Self = Self(None);

    /// Gathers topics to stay in until further notice.
    ///
    /// # Errors
    /// [`InvalidValue`] when there are more than [`MAX_TOPICS`], or their names exceed
    /// [`MAX_TOPICS_BYTES`].
    pub fn new(topics: impl IntoIterator<Item = Topic>) -> Result<Self, InvalidValue> {
        Self::of(topics.into_iter().map(|topic| Membership { topic, until: None }).collect())
    }

    /// Gathers stays, each of which may already have its end.
    ///
    /// # Errors
    /// Those of [`Topics::new`].
    pub fn of(mut memberships: Vec<Membership>) -> Result<Self, InvalidValue> {
        if memberships.is_empty() {
            return Ok(Self::NONE);
        }
        // Of two stays in one topic the longer one counts; `None` is for ever.
        memberships.sort_unstable_by(|a, b| {
            (&a.topic, a.until.is_some(), b.until).cmp(&(&b.topic, b.until.is_some(), a.until))
        });
        memberships.dedup_by(|later, kept| later.topic == kept.topic);
        if memberships.len() > MAX_TOPICS {
            return Err(InvalidValue::TooLong { what: "list of topics", max: MAX_TOPICS, unit: "entries" });
        }
        if memberships.iter().map(|membership| membership.topic.as_str().len()).sum::<usize>()
            > MAX_TOPICS_BYTES
        {
            return Err(InvalidValue::TooLong {
                what: "list of topics",
                max: MAX_TOPICS_BYTES,
                unit: "bytes",
            });
        }
        Ok(Self(Some(memberships.into())))
    }

    /// The stays, sorted by topic.
    pub fn memberships(&self) -> &[Membership] {
        self.0.as_deref().unwrap_or_default()
    }

    /// The names, sorted, whether or not a stay has its end.
    pub fn names(&self) -> impl Iterator<Item = &Topic> {
        self.memberships().iter().map(|membership| &membership.topic)
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.memberships().len()
    }

    /// Whether the session is in no topic.
    pub fn is_empty(&self) -> bool {
        self.0.is_none()
    }

    /// These stays, those in `leaving` ending at `ends_at` unless they end earlier already.
    pub fn leaving(&self, leaving: &[Topic], ends_at: Timestamp) -> Self {
        let memberships = self.memberships().iter().map(|membership| {
            let until = if leaving.contains(&membership.topic) {
                Some(membership.until.map_or(ends_at, |until| until.min(ends_at)))
            } else {
                membership.until
            };
            Membership { topic: membership.topic.clone(), until }
        });
        let memberships: Vec<_> = memberships.collect();
        Self(if memberships.is_empty() { None } else { Some(memberships.into()) })
    }
}

impl fmt::Debug for Topics {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.memberships()).finish()
    }
}

impl TryFrom<Vec<Membership>> for Topics {
    type Error = InvalidValue;
    fn try_from(memberships: Vec<Membership>) -> Result<Self, InvalidValue> {
        Self::of(memberships)
    }
}

impl From<Topics> for Vec<Membership> {
    fn from(topics: Topics) -> Self {
        topics.memberships().to_vec()
    }
}
