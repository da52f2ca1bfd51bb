//! `Presence`, the handle for hosts, and its background tasks: the only async logic of the crate.

mod builder;
mod disconnections;
mod error;
mod hold;
mod metrics;
mod outbox;
mod presence;
mod report;
mod scope_view;
mod shared;
mod store_calls;
mod store_state;
mod subscription;
mod tasks;

pub use builder::Builder;
pub use disconnections::Disconnection;
pub use error::Error;
pub use hold::Hold;
pub use presence::{BeatOutcome, Presence};
pub use report::{Explanation, Health, SessionReport, StoreHealth};
pub use scope_view::{Listing, Page, ScopeView};
pub use subscription::{CountUpdates, Subscription, ViewUpdates};

#[cfg(test)]
mod tests;
