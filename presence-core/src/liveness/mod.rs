//! The meaning of facts: active, idle or gone. Pure functions of facts, policy and proven time.

mod classify;
mod last_seen;
mod policy;

pub(crate) use classify::next_change_of;
pub use classify::{Liveness, Vitals, classify, gone_at, next_change};
pub use last_seen::LastSeen;
pub use policy::{DeclaredOnly, InvalidPolicy, Policy};

#[cfg(test)]
mod tests;
