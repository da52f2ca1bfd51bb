//! What goes over a connection: scripts, their replies, and how long one waits for them.

pub(crate) mod connection;
pub(crate) mod link;
pub(crate) mod reply;
pub(crate) mod script;
