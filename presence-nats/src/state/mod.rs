//! The bucket of sessions: conditional writes, and what a handle remembers so that it need not read.

pub(crate) mod bucket;
pub(crate) mod epochs;
pub(crate) mod merge;
pub(crate) mod revision_cache;
