//! The data that is stored and sent: users, sessions, topics, statuses and nodes, with the bounds
//! of each.
//!
//! Everything here is plain data. What it *means* (active, idle, gone) is decided in
//! [`liveness`](crate::liveness).

#[cfg(test)]
pub(crate) mod arbitrary;
mod beat;
mod id;
mod merge;
mod node;
mod session;
mod status;
mod topic;
mod user;

pub use beat::{Activity, Beat, BeatKind, Leave, LeaveKind};
pub(crate) use id::check as check_name;
pub use id::{InvalidValue, NodeId, SessionId, UserId};
pub use node::Node;
pub use session::{Departure, MAX_SESSIONS_PER_USER, Meta, Placement, Session, SessionKey};
pub use status::{Declaration, Declared, Message, Status};
pub use topic::{Membership, Topic, Topics};
pub use user::{Block, UserRecord};

#[cfg(test)]
mod tests;
