//! What the facts mean: active, idle, gone. Pure functions of facts, policy and proven time.

mod classify;
mod policy;

pub use classify::{Liveness, Vitals, classify, gone_at, next_change};
pub use policy::{InvalidPolicy, Policy};

#[cfg(test)]
mod tests;
