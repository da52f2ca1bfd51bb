//! Decides whether a session is active, idle or gone: pure functions of its facts, the policy and
//! the proven time.

mod classify;
mod last_seen;
mod policy;

pub(crate) use classify::next_change_of;
pub use classify::{Liveness, Vitals, classify, gone_at, next_change};
pub use last_seen::LastSeen;
pub use policy::{DeclaredOnly, InvalidPolicy, Policy};

#[cfg(test)]
mod tests;
