//! The bucket of sessions: conditional writes, epochs, and the cache of revisions that saves reads.

pub(crate) mod bucket;
pub(crate) mod epochs;
pub(crate) mod merge;
pub(crate) mod own_writes;
pub(crate) mod revision_cache;
