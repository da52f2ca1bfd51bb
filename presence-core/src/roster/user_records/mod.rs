//! What is kept of users without a session: when they were last seen, and until when they are kept away.

pub(super) mod exclusion;
pub(super) mod records;
pub(super) mod retention;
