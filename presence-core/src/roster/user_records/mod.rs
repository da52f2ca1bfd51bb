//! Records of users that are kept after their sessions are forgotten: last-seen times,
//! blocks and erasures.

pub(super) mod blocks;
pub(super) mod records;
pub(super) mod retention;
pub(super) mod seen;
