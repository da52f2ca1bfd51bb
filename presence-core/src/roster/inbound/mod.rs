//! Input from this process: heartbeats, declarations and leaves, and the store writes that they
//! result in.

pub(super) mod beat;
pub(super) mod declare;
pub(super) mod leave;
pub(super) mod renew;
pub(super) mod rollback;
pub(super) mod store_write;
