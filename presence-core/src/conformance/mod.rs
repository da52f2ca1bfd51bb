//! The suite that a store passes, and the small store that core's own tests run on.

mod model;
mod rng;

#[cfg(test)]
pub(crate) use rng::Rng;

pub use model::{Call, Calls, Fault, Faults, Reference, ReferenceStore};
