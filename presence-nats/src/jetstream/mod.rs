//! JetStream's API, spoken over one connection.

pub(crate) mod api;
pub(crate) mod client;
pub(crate) mod link;
pub(crate) mod reader;
pub(crate) mod streams;
