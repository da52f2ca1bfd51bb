//! Records of users that outlive their sessions: last seen, excluded until, erased.

pub(super) mod exclusion;
pub(super) mod records;
pub(super) mod retention;
pub(super) mod seen;
