//! Reconciliation: derives the joins, leaves and changes of a user from a change of a session,
//! exactly once.

pub(super) mod schedule;
pub(super) mod transition;
pub(super) mod user_state;
pub(super) mod verdict;
