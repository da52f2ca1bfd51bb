//! Topics, and the memberships of a session in them.

use super::id::{InvalidValue, name};
use crate::time::Timestamp;
use compact_str::CompactString;
use serde::{Deserialize, Serialize};
use std::fmt;
use std::sync::Arc;

name! {
    /// Where sessions are: a page, room, channel or job (1 to 1,024 bytes, no control characters).
    Topic, "topic", 1024
}

/// A session's membership in one topic.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Membership {
    /// The topic.
    pub topic: Topic,
    /// When the membership ends, if the session has left this topic and the grace has not ended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub until: Option<Timestamp>,
}

/// The topics of one session, sorted and without repetition (0 to [`Topics::MAX`]).
///
/// Cloning shares the list.
#[derive(Clone, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "Vec<Membership>", into = "Vec<Membership>")]
pub struct Topics(Option<Arc<[Membership]>>);

impl Topics {
    /// Most topics of one session.
    pub const MAX: usize = 64;
    /// Most bytes of the names of one session's topics together.
    pub const MAX_BYTES: usize = 16 * 1024;
    /// No topic at all.
    pub const NONE: Self = Self(None);

    /// Memberships without an end in these topics.
    ///
    /// ```
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// use presence_core::{Topic, Topics};
    /// let topics = Topics::new([Topic::new("lobby")?, Topic::new("chat")?, Topic::new("lobby")?])?;
    /// assert_eq!(topics.names().map(Topic::as_str).collect::<Vec<_>>(), ["chat", "lobby"]);
    /// # Ok(()) }
    /// ```
    ///
    /// # Errors
    /// [`InvalidValue`] if there are more than [`Topics::MAX`], or their names exceed
    /// [`Topics::MAX_BYTES`].
    pub fn new(topics: impl IntoIterator<Item = Topic>) -> Result<Self, InvalidValue> {
        let mut memberships = topics.into_iter().map(|topic| Membership { topic, until: None });
        let (one, other) = (memberships.next(), memberships.next());
        match (one, other) {
            // Most sessions are in one topic, whose name is within the bounds.
            (Some(one), None) => Ok(Self(Some(Arc::new([one])))),
            (one, other) => Self::of(one.into_iter().chain(other).chain(memberships).collect()),
        }
    }

    /// Memberships that may have an end.
    ///
    /// # Errors
    /// Those of [`Topics::new`].
    pub fn of(mut memberships: Vec<Membership>) -> Result<Self, InvalidValue> {
        if memberships.is_empty() {
            return Ok(Self::NONE);
        }
        // Of two memberships in one topic, the longer one counts; `None` is unlimited.
        memberships.sort_unstable_by(|a, b| {
            (&a.topic, a.until.is_some(), b.until).cmp(&(&b.topic, b.until.is_some(), a.until))
        });
        memberships.dedup_by(|later, kept| later.topic == kept.topic);
        if memberships.len() > Self::MAX {
            return Err(InvalidValue::TooLong { what: "list of topics", max: Self::MAX, unit: "entries" });
        }
        if memberships.iter().map(|membership| membership.topic.as_str().len()).sum::<usize>()
            > Self::MAX_BYTES
        {
            return Err(InvalidValue::TooLong {
                what: "list of topics",
                max: Self::MAX_BYTES,
                unit: "bytes",
            });
        }
        Ok(Self(Some(memberships.into())))
    }

    /// The memberships, sorted by topic.
    pub fn memberships(&self) -> &[Membership] {
        self.0.as_deref().unwrap_or_default()
    }

    /// The names of the topics, sorted, including those of memberships with an end.
    ///
    /// ```
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// use presence_core::{Topic, Topics};
    /// let topics = Topics::new(["lobby".parse()?, "chat".parse()?])?;
    /// assert_eq!(topics.names().map(Topic::as_str).collect::<Vec<_>>(), ["chat", "lobby"]);
    /// # Ok(()) }
    /// ```
    pub fn names(&self) -> impl Iterator<Item = &Topic> {
        self.memberships().iter().map(|membership| &membership.topic)
    }

    /// Number of topics.
    pub fn len(&self) -> usize {
        self.memberships().len()
    }

    /// Whether there are no topics.
    pub fn is_empty(&self) -> bool {
        self.0.is_none()
    }

    /// The same memberships, except that those in `leaving` end at `ends_at` or earlier.
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
