//! The engine of presence: which users are active, idle or gone, and where.
//!
//! A host starts a [`Presence`] on a store, passes heartbeats to it, and queries it. Queries are
//! answered from a replica in the host's own process.
//!
//! ```
//! # use presence_core::testing::conformance::ReferenceStore as MemoryStore;
//! use presence_core::{Beat, Liveness, Presence, SessionId, Timestamp, UserId};
//! use presence_core::testing::ManualClock;
//! use std::time::Duration;
//! # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), Box<dyn std::error::Error>> {
//!
//! // Virtual time, so that this example need not wait for a minute. `MemoryStore` is in `presence-memory`.
//! let clock = ManualClock::at(Timestamp::from_secs(1_700_000_000));
//! let presence = Presence::builder(MemoryStore::new(clock.clone())).clock(clock.clone()).start()?;
//!
//! let (ada, tab) = (UserId::new("ada")?, SessionId::new("tab-1")?);
//! presence.beat(Beat::enter(ada.clone(), tab)).await?;
//! assert_eq!(presence.everyone().counts().active, 1);
//!
//! clock.advance(Duration::from_secs(61)).await; // her lease is a minute, and no heartbeat came
//! assert_eq!(presence.user(&ada).unwrap().member.liveness, Liveness::Gone);
//! assert_eq!(presence.everyone().counts().online, 0);
//! # Ok(()) }
//! ```
//!
//! # The map
//! | module | contents |
//! |---|---|
//! | [`model`] | the data that is stored and sent, with its bounds |
//! | [`time`] | instants, clocks, and what a store's time has proven |
//! | [`liveness`] | the policy, and the pure rules of active, idle and gone |
//! | [`roster`] | the replica and its indexes: pure, sharded, without a runtime |
//! | [`broker`] | the trait of message brokers, its contract, and the hub that all of them share |
//! | [`store`] | the trait of stores, and its contract |
//! | [`handle`] | [`Presence`] and its background tasks |
//! | [`testing`] | virtual time, and the suites that a store and a broker pass (feature `conformance`) |
//!
//! The root of the crate has what a host needs. [`store`] and [`broker`] are for authors of stores
//! and brokers; [`roster`], [`liveness`] and [`time`] are the parts of the engine, for building
//! something else of them.
//!
//! # Metrics
//! Through the `metrics` facade: the host chooses the exporter, and installs it before it starts
//! anything. Their names are in one table:
//! [METRICS.md](https://github.com/presence-rs/presence/blob/main/METRICS.md).
#![cfg_attr(docsrs, feature(doc_cfg))]

pub mod broker;
#[cfg(any(test, feature = "conformance"))]
#[doc(hidden)]
pub mod conformance;
#[doc(hidden)]
pub mod footprint;
#[cfg(any(test, fuzzing))]
#[doc(hidden)]
pub mod fuzzing;
pub mod handle;
#[doc(hidden)]
pub mod hash;
#[doc(hidden)]
pub mod index;
pub mod liveness;
pub mod model;
#[doc(hidden)]
pub mod random;
pub mod roster;
mod setters;
pub mod store;
pub mod testing;
pub mod time;

pub use broker::Broker;
pub use handle::{
    BeatOutcome, Builder, CountUpdates, Disconnection, Error, Explanation, Health, Hold, Listing, Page,
    Presence, ScopeView, StoreHealth, Subscription, ViewUpdates,
};
pub use liveness::{InvalidPolicy, LastSeen, Liveness, Policy};
pub use model::*;
pub use roster::{
    Counts, Diff, DisconnectTarget, Ended, LeftReason, Member, MemberSession, Person, Scope, SessionEvent,
    Snapshot, Sorted, Update, Users, Version, Viewer,
};
pub use store::PresenceStore;
pub use time::{Clock, SystemClock, Timestamp, View};
