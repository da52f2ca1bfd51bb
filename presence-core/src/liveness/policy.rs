//! The windows.

use super::LastSeen;
use std::time::Duration;

/// The windows within which facts mean something.
///
/// Every process on one store should have the same policy; a difference is no danger to the data,
/// but two processes then tell two stories.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Policy {
    /// How long a session lives after its last beat.
    ///
    /// Default 60 s. From 1 s to 45 days. Two and a half times the interval of the clients' beats
    /// forgives one lost beat.
    pub lease_for: Duration,
    /// How long a held session lives after its process's last beat.
    ///
    /// Default 8 s. At least 3 s; processes beat every 2 s. A killed process is noticed this much
    /// plus one beat later.
    pub held_for: Duration,
    /// How long after their last activity a user counts as active.
    ///
    /// Default 5 min. At least 1 s. Longer than `lease_for` makes sense; a user is never active
    /// longer than alive.
    pub active_for: Duration,
    /// How long a leave waits before the others see it, so that a reload does not flicker.
    ///
    /// Default 5 s. Zero makes every leave immediate. Shorter than `lease_for`.
    pub grace: Duration,
    /// Whether a session that only ever declared a status, without a beat, counts as alive while
    /// its status counts.
    ///
    /// Default no. Choose yes for services whose users set a status and send no heartbeats.
    pub declared_counts: bool,
    /// How long it is remembered when a user was last seen, after their sessions are forgotten.
    ///
    /// Default not at all. At most 90 days. Personal data: choose as short as the host's purpose
    /// allows.
    pub remember_for: Option<Duration>,
    /// How exactly others are told when a user was last seen.
    ///
    /// Default to the millisecond. See [`LastSeen`].
    pub last_seen: LastSeen,
}

impl Default for Policy {
    fn default() -> Self {
        Self {
            lease_for: Duration::from_mins(1),
            held_for: Duration::from_secs(8),
            active_for: Duration::from_mins(5),
            grace: Duration::from_secs(5),
            declared_counts: false,
            remember_for: None,
            last_seen: LastSeen::Exact,
        }
    }
}

/// Why a policy was refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("invalid policy: {field} {why}")]
pub struct InvalidPolicy {
    /// The field that is wrong.
    pub field: &'static str,
    /// What is wrong with it.
    pub why: &'static str,
}

impl Policy {
    /// The longest lease: what 32 bits of milliseconds hold.
    pub const MAX_LEASE: Duration = Duration::from_hours(45 * 24);
    /// The longest time for which a user's last sight is remembered.
    pub const MAX_REMEMBER: Duration = Duration::from_hours(90 * 24);
    /// The least time for which a lapsed or departed session is remembered before it is forgotten.
    pub const MIN_MEMORY: Duration = Duration::from_mins(1);

    /// Checks that the windows fit together.
    ///
    /// # Errors
    /// [`InvalidPolicy`] names the first field that breaks its constraint.
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

    /// How long a session with this lease is remembered after it lapsed or left, before it is
    /// forgotten.
    pub fn memory(lease: Duration) -> Duration {
        lease.max(Self::MIN_MEMORY)
    }
}
