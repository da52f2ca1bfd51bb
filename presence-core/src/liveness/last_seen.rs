//! The precision with which users see when another user was last seen.

use crate::time::Timestamp;
use std::time::Duration;

const MINUTE: u64 = 60_000;
const DAY: u64 = 24 * 60 * MINUTE;
const WEEK: u64 = 7 * DAY;
/// The Unix epoch was a Thursday; the first Monday came this much later.
const FIRST_MONDAY: u64 = 4 * DAY;

/// The precision with which other users see when a user was last seen.
///
/// The user, operators and the host's own code always see the exact time. The setting applies to
/// queries only: users who watch another user leave know the time in any case.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum LastSeen {
    /// Exact to the millisecond.
    #[default]
    Exact,
    /// Rounded down in steps: to the minute for an hour, then to the day until that day is over,
    /// then to the week. Days and weeks begin at 00:00 UTC, weeks on Monday.
    ///
    /// The age is measured from the rounded time. So the moment at which one step replaces another
    /// reveals nothing about the exact time.
    Coarse,
    /// Not shown: a user who is gone looks like an unknown one.
    Hidden,
}

impl LastSeen {
    /// What other users see at `now` of a user who was last seen at `seen_at`.
    ///
    /// ```
    /// use presence_core::{LastSeen, Timestamp};
    /// let seen_at = Timestamp::from_secs(1_710_000_123);
    /// let shown = LastSeen::Coarse.shown(seen_at, Timestamp::from_secs(1_710_000_200));
    /// assert_eq!(shown, Some(Timestamp::from_secs(1_710_000_120)));
    /// assert_eq!(LastSeen::Hidden.shown(seen_at, seen_at), None);
    /// ```
    pub fn shown(self, seen_at: Timestamp, now: Timestamp) -> Option<Timestamp> {
        match self {
            Self::Exact => Some(seen_at),
            Self::Coarse => Some(coarse(seen_at, now)),
            Self::Hidden => None,
        }
    }
}

fn coarse(seen_at: Timestamp, now: Timestamp) -> Timestamp {
    let seen = seen_at.as_millis();
    let lasts =
        |step: u64, period: u64| now.since(Timestamp::from_millis(step)) < Duration::from_millis(period);
    let (minute, day) = (seen - seen % MINUTE, seen - seen % DAY);
    let week = seen.saturating_sub((seen % WEEK + WEEK - FIRST_MONDAY) % WEEK);
    Timestamp::from_millis(if lasts(minute, 60 * MINUTE) {
        minute
    } else if lasts(day, DAY) {
        day
    } else {
        week
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Wednesday, 2024-03-13, 14:27:31.250 UTC.
    const SEEN: Timestamp = Timestamp::from_millis(1_710_340_051_250);

    fn shown_after(seconds: u64) -> u64 {
        LastSeen::Coarse.shown(SEEN, SEEN + Duration::from_secs(seconds)).unwrap().as_secs()
    }

    #[test]
    fn last_seen_is_rounded_to_the_minute_then_to_the_day_then_to_the_week() {
        const MINUTE: u64 = 1_710_340_020;
        const WEDNESDAY: u64 = 1_710_288_000;
        const MONDAY: u64 = 1_710_115_200;
        for (seconds, shown) in [
            (0, MINUTE),
            (3_500, MINUTE),
            (3_600, WEDNESDAY),
            (9 * 3_600, WEDNESDAY),
            (10 * 3_600, MONDAY),
            (30 * 86_400, MONDAY),
        ] {
            assert_eq!(shown_after(seconds), shown, "{seconds} s later");
        }
    }

    #[test]
    fn a_viewer_whose_clock_is_behind_sees_the_minute() {
        assert_eq!(LastSeen::Coarse.shown(SEEN, Timestamp::ZERO), Some(Timestamp::from_secs(1_710_340_020)));
    }

    proptest! {
        /// Two users who are shown alike at one moment are shown alike at every later one.
        #[test]
        fn later_queries_reveal_no_more_than_earlier_ones(
            seen in 0..4 * WEEK, apart in 0..2 * MINUTE, ago in 0..2 * DAY, later in 0..2 * WEEK,
        ) {
            let [one, other] = [seen, seen + apart].map(Timestamp::from_millis);
            let now = Timestamp::from_millis(seen + apart + ago);
            let shown = |at, now| LastSeen::Coarse.shown(at, now);
            prop_assume!(shown(one, now) == shown(other, now));
            let later = now + Duration::from_millis(later);
            prop_assert_eq!(shown(one, later), shown(other, later));
        }

        #[test]
        fn rounded_last_seen_is_never_too_late_and_never_increases(
            seen in 0..1_u64 << 42, ago in 0..2 * WEEK, later in 0..2 * WEEK,
        ) {
            let (seen_at, now) = (Timestamp::from_millis(seen), Timestamp::from_millis(seen + ago));
            let shown = LastSeen::Coarse.shown(seen_at, now).unwrap();
            prop_assert!(shown <= seen_at && seen_at.since(shown) < Duration::from_millis(WEEK));
            prop_assert!(LastSeen::Coarse.shown(seen_at, now + Duration::from_millis(later)).unwrap() <= shown);
        }
    }
}
