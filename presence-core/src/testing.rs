//! What tests use: virtual time, and the suites that stores and brokers pass.

#[cfg(any(test, feature = "conformance"))]
#[doc(inline)]
pub use crate::conformance;
pub use crate::time::{ManualClock, SkewedClock};

use crate::model::{NodeId, Placement, Session, SessionId, Topics, UserId};
use crate::time::Timestamp;
use std::time::Duration;

/// A session that entered at this time, in no topic, with a lease of a minute: for tests of stores.
///
/// ```
/// use presence_core::{Timestamp, testing};
/// let session = testing::session("alice", "tab-1", Timestamp::from_secs(1));
/// assert_eq!(session.seen_at, session.placement.placed_at);
/// ```
///
/// # Panics
/// When an id is not valid.
#[expect(clippy::unwrap_used, reason = "for tests")]
pub fn session(user: &str, id: &str, at: Timestamp) -> Session {
    Session {
        user: UserId::new(user).unwrap(),
        id: SessionId::new(id).unwrap(),
        placement: Placement {
            placed_at: at,
            left: None,
            node: NodeId::new("n").unwrap(),
            held: false,
            lease: Duration::from_mins(1),
            topics: Topics::NONE,
            meta: None,
        },
        declared: None,
        seen_at: at,
        active_at: at,
    }
}
