//! How a change of one session becomes a transition of its user, exactly once.

pub(super) mod transition;
pub(super) mod user_state;
