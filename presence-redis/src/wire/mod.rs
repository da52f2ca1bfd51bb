//! Connections to Redis, calls of scripts with timeouts, and decoding of replies.

pub(crate) mod connection;
pub(crate) mod link;
pub(crate) mod reply;
pub(crate) mod script;
