//! The endpoints, one file per resource.

pub(crate) mod health;
pub(crate) mod metrics;
pub(crate) mod read;
mod user;
mod wire;
pub(crate) mod write;
