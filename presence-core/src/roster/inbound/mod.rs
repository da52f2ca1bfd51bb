//! What this process is told: heartbeats, declarations and leaves, and what they leave to be written.

pub(super) mod beat;
pub(super) mod declare;
pub(super) mod leave;
pub(super) mod renew;
pub(super) mod rollback;
pub(super) mod store_write;
