//! The engine of presence: who is here, active, idle or gone, and where.
#![cfg_attr(docsrs, feature(doc_cfg))]

#[cfg(any(test, feature = "conformance"))]
pub mod conformance;
pub mod handle;
pub mod index;
pub mod liveness;
pub mod model;
pub mod random;
pub mod roster;
pub mod store;
pub mod time;

pub use handle::{Beaten, Hold, Presence};
pub use liveness::{InvalidPolicy, Liveness, Policy};
pub use model::*;
pub use roster::{Counts, Member, Scope, Update, Version};
pub use store::PresenceStore;
pub use time::{Clock, ManualClock, SystemClock, Timestamp};
