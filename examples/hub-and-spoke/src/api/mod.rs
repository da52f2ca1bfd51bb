//! The endpoints, one file for each kind.

pub(crate) mod health;
pub(crate) mod metrics;
pub(crate) mod read;
mod user;
mod wire;
pub(crate) mod write;
