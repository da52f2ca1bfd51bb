//! Reconciliation: how a change of a session becomes joins, leaves and changes of its user, exactly
//! once.

pub(super) mod schedule;
pub(super) mod transition;
pub(super) mod user_state;
pub(super) mod verdict;
