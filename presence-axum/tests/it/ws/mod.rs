//! Sockets, by a client of another implementation and by hand.

pub mod client;
mod echo;
mod limits;
mod messages;
mod presence;
mod raw;
#[cfg(feature = "auth")]
mod tokens;
mod topics;
