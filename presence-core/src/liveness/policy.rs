//! `Policy`: the durations that decide when a session is idle or gone.

use super::LastSeen;
use std::fmt;
use std::time::Duration;

/// How a session counts that has declared a status but never sent a heartbeat. Exhaustive on
/// purpose: there is no third case.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum DeclaredOnly {
    /// As gone. The status is shown once a heartbeat arrives.
    Gone,
    /// As alive, as long as the status counts.
    Alive,
}

/// The durations that decide when a session is idle or gone.
///
/// Every process on one store should have the same policy. Different policies do not damage the
/// data, but the processes then show different states.
///
/// ```
/// use presence_core::Policy;
/// use std::time::Duration;
///
/// let policy = Policy::default().lease_for(Duration::from_secs(30)).grace(Duration::from_secs(2));
/// assert_eq!(policy.active_for, Duration::from_mins(5));
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Policy {
    /// How long a session stays alive after its last heartbeat.
    ///
    /// Default 60 s. From 1 s to 45 days. Two and a half times the clients' heartbeat interval
    /// tolerates one lost heartbeat.
    pub lease_for: Duration,
    /// How long a held session stays alive after its process's last heartbeat.
    ///
    /// Default 8 s. At least 3 s; processes send one every 2 s. A killed process is noticed after
    /// this time plus one heartbeat interval.
    pub held_for: Duration,
    /// How long after their last activity a user counts as active.
    ///
    /// Default 5 min. At least 1 s. Usually longer than `lease_for`; a user is never active longer
    /// than alive.
    pub active_for: Duration,
    /// How long a leave is withheld from other users, so that reloading a page is not seen.
    ///
    /// Default 5 s. Zero makes every leave immediate. Must be shorter than `lease_for`.
    pub grace: Duration,
    /// How a session counts that has declared a status but never sent a heartbeat.
    ///
    /// Default [`DeclaredOnly::Gone`]. Choose [`DeclaredOnly::Alive`] for services whose users set
    /// a status and send no heartbeats.
    pub declared_only: DeclaredOnly,
    /// How long a user's last-seen time is kept after the user's sessions are forgotten.
    ///
    /// Default not at all. At most 90 days. Personal data: choose as short as the
    /// host's purpose allows.
    pub remember_for: Option<Duration>,
    /// The precision with which other users see a user's last-seen time.
    ///
    /// Default exact. See [`LastSeen`].
    pub last_seen: LastSeen,
}

impl Default for Policy {
    fn default() -> Self {
        Self {
            lease_for: Duration::from_mins(1),
            held_for: Duration::from_secs(8),
            active_for: Duration::from_mins(5),
            grace: Duration::from_secs(5),
            declared_only: DeclaredOnly::Gone,
            remember_for: None,
            last_seen: LastSeen::Exact,
        }
    }
}

crate::setters! {
    Policy {
        lease_for: Duration,
        held_for: Duration,
        active_for: Duration,
        grace: Duration,
        declared_only: DeclaredOnly,
        last_seen: LastSeen,
    }
    optional { remember_for: Duration }
}

/// The fields that affect liveness, as text. The processes on one store compare this text.
impl fmt::Display for Policy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // The last two do not affect liveness.
        let Self { lease_for, held_for, active_for, grace, declared_only, remember_for: _, last_seen: _ } =
            self;
        // Processes of earlier versions wrote a boolean here.
        let declared = *declared_only == DeclaredOnly::Alive;
        write!(
            f,
            "lease {lease_for:?}, held {held_for:?}, active {active_for:?}, grace {grace:?}, declared {declared}"
        )
    }
}

/// Why a policy was refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("invalid policy: {field} {why}")]
#[non_exhaustive]
pub struct InvalidPolicy {
    /// The invalid field.
    pub field: &'static str,
    /// The constraint that it violates.
    pub why: &'static str,
}

impl Policy {
    /// The longest lease: what 32 bits of milliseconds can hold.
    pub const MAX_LEASE: Duration = Duration::from_hours(45 * 24);
    /// The longest time for which a last-seen time is kept.
    pub const MAX_REMEMBER: Duration = Duration::from_hours(90 * 24);
    /// The shortest time for which a lapsed or departed session is kept before it is forgotten.
    pub const MIN_MEMORY: Duration = Duration::from_mins(1);

    /// Checks the constraints of all fields.
    ///
    /// ```
    /// use presence_core::Policy;
    /// use std::time::Duration;
    /// assert!(Policy::default().validate().is_ok());
    /// assert!(Policy::default().grace(Duration::from_hours(1)).validate().is_err());
    /// ```
    ///
    /// # Errors
    /// [`InvalidPolicy`] names the first field that violates its constraint.
    pub fn validate(&self) -> Result<(), InvalidPolicy> {
        let second = Duration::from_secs(1);
        let wrong = |field, why| Err(InvalidPolicy { field, why });
        if self.lease_for < second || self.lease_for > Self::MAX_LEASE {
            return wrong("lease_for", "must be from 1 s to 45 days");
        }
        if self.held_for < 3 * second || self.held_for > Self::MAX_LEASE {
            return wrong("held_for", "must be from 3 s to 45 days");
        }
        if self.active_for < second {
            return wrong("active_for", "must be at least 1 s");
        }
        if self.remember_for.is_some_and(|remember_for| remember_for > Self::MAX_REMEMBER) {
            return wrong("remember_for", "must be at most 90 days");
        }
        if self.grace >= self.lease_for {
            return wrong("grace", "must be shorter than lease_for");
        }
        Ok(())
    }

    /// How long a session with this lease is kept after it lapsed or left, before it is forgotten.
    pub fn memory(lease: Duration) -> Duration {
        lease.max(Self::MIN_MEMORY)
    }
}
