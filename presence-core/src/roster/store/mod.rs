//! What the store tells of sessions, and what it has forgotten.

pub(super) mod feed;
pub(super) mod forgotten;
