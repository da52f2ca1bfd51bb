//! The local replica of all sessions, indexed by user and topic: pure, sharded, without a runtime.

mod diff;
mod member;
mod merge;
mod scope;

pub use diff::{Diff, LeftReason, NotAVersion, SessionEvent, Snapshot, Version};
pub use member::{Counts, Member, MemberSession, Person};
pub use scope::Scope;
