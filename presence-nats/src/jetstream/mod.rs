//! JetStream over one connection: its API, the two streams of a store, and ordered readers.

pub(crate) mod api;
pub(crate) mod client;
pub(crate) mod link;
pub(crate) mod position;
pub(crate) mod reader;
pub(crate) mod streams;
