//! `Timestamp`: an instant in milliseconds since the Unix epoch.

use serde::{Deserialize, Serialize};
use std::ops::{Add, Sub};
use std::time::Duration;

/// An instant: milliseconds since the Unix epoch.
///
/// ```
/// use presence_core::Timestamp;
/// use std::time::Duration;
/// let later = Timestamp::from_secs(1_700_000_000) + Duration::from_millis(1_500);
/// assert_eq!(later.as_millis(), 1_700_000_001_500);
/// assert_eq!(later.since(Timestamp::from_secs(1_700_000_001)), Duration::from_millis(500));
/// ```
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Timestamp(u64);

impl Timestamp {
    /// The epoch; stands for "never".
    pub const ZERO: Self = Self(0);
    /// Later than any other instant.
    pub const MAX: Self = Self(u64::MAX);

    /// The instant this many milliseconds after the Unix epoch.
    pub const fn from_millis(millis: u64) -> Self {
        Self(millis)
    }

    /// The instant this many seconds after the Unix epoch.
    pub const fn from_secs(secs: u64) -> Self {
        Self(secs.saturating_mul(1000))
    }

    /// Milliseconds since the Unix epoch.
    pub const fn as_millis(self) -> u64 {
        self.0
    }

    /// Whole seconds since the Unix epoch.
    pub const fn as_secs(self) -> u64 {
        self.0 / 1000
    }

    /// The time elapsed since `earlier`; zero if that is in the future.
    ///
    /// ```
    /// use presence_core::Timestamp;
    /// use std::time::Duration;
    /// let (earlier, later) = (Timestamp::from_secs(10), Timestamp::from_secs(12));
    /// assert_eq!(later.since(earlier), Duration::from_secs(2));
    /// assert_eq!(earlier.since(later), Duration::ZERO);
    /// ```
    pub const fn since(self, earlier: Self) -> Duration {
        Duration::from_millis(self.0.saturating_sub(earlier.0))
    }

    /// Milliseconds before or after `now`. All times in the distant past are equal.
    #[cfg(test)]
    pub(crate) fn relative_to(self, now: Self) -> i64 {
        const LONG_PAST: i64 = -300_000;
        i64::try_from(i128::from(self.0) - i128::from(now.0))
            .map_or(LONG_PAST, |millis| millis.max(LONG_PAST))
    }
}

impl Add<Duration> for Timestamp {
    type Output = Self;
    /// Saturates at [`Timestamp::MAX`]; fractions of a millisecond are cut off.
    fn add(self, duration: Duration) -> Self {
        Self(self.0.saturating_add(whole_millis(duration)))
    }
}

impl Sub<Duration> for Timestamp {
    type Output = Self;
    /// Saturates at [`Timestamp::ZERO`]; fractions of a millisecond are cut off.
    fn sub(self, duration: Duration) -> Self {
        Self(self.0.saturating_sub(whole_millis(duration)))
    }
}

/// The whole milliseconds of a duration, capped at 584 million years.
fn whole_millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

/// Serialises a `Duration` as whole milliseconds.
pub(crate) mod millis {
    use super::{Duration, whole_millis};
    use serde::{Deserialize, Deserializer, Serializer};

    pub fn serialize<S: Serializer>(duration: &Duration, to: S) -> Result<S::Ok, S::Error> {
        to.serialize_u64(whole_millis(*duration))
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Duration, D::Error> {
        u64::deserialize(from).map(Duration::from_millis)
    }
}

/// Serialises an optional `Duration` as whole milliseconds.
pub(crate) mod option_millis {
    use super::{Duration, whole_millis};
    use serde::{Deserialize, Deserializer, Serialize, Serializer};

    #[expect(clippy::ref_option, reason = "the signature that serde calls")]
    pub fn serialize<S: Serializer>(duration: &Option<Duration>, to: S) -> Result<S::Ok, S::Error> {
        duration.map(whole_millis).serialize(to)
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Option<Duration>, D::Error> {
        Ok(Option::<u64>::deserialize(from)?.map(Duration::from_millis))
    }
}
