//! The suite that a store passes, and the small store that core's own tests run on.

mod model;
mod rng;

pub use model::{Call, Calls, Fault, Faults, Reference, ReferenceStore};
