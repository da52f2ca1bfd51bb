//! Input from the store: sessions, renewals, and what the store has forgotten.

pub(super) mod feed;
pub(super) mod forgotten;
