//! The endpoints beside the socket, one file per resource.

pub(crate) mod admin;
pub(crate) mod demo;
pub(crate) mod health;
pub(crate) mod messages;
pub(crate) mod metrics;
pub(crate) mod page;
pub(crate) mod presence;
