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
//! | path | for | contents |
//! |---|---|---|
//! | the root | hosts | [`Presence`], and every type that a host names to use it |
//! | [`broker`] | hosts, authors of brokers | messages with history: the trait of brokers, its contract, and the hub that all of them share |
//! | [`testing`] | tests | virtual time, and the suites that a store and a broker pass (feature `conformance`) |
//! | [`store`] | authors of stores | the trait of stores, its contract, and the records that a store keeps |
//! | [`time`] | authors of stores | how the time of a store is proven, and when a view becomes stale |
//!
//! A type is at the root if a host has to name it; the records of a store are in [`store`] alone,
//! also where a query answers with one ([`Presence::session`]).
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
mod handle;
#[doc(hidden)]
pub mod hash;
#[doc(hidden)]
pub mod index;
mod liveness;
mod model;
#[doc(hidden)]
pub mod random;
#[doc(hidden)]
pub mod roster;
mod setters;
#[doc(hidden)]
pub mod slab;
pub mod store;
pub mod testing;
pub mod time;

pub use broker::Broker;
pub use handle::{
    BeatOutcome, Builder, CountUpdates, Disconnection, Error, Explanation, Health, Hold, Listing, Page,
    Presence, ScopeView, SessionReport, StoreHealth, Subscription, ViewUpdates,
};
pub use liveness::{DeclaredOnly, InvalidPolicy, LastSeen, Liveness, Policy};
pub use model::{
    Activity, Beat, BeatKind, Declaration, InvalidValue, Leave, LeaveKind, MAX_SESSIONS_PER_USER, Message,
    Meta, NodeId, SessionId, SessionKey, Status, Topic, Topics, UserId,
};
pub use roster::{
    Counts, Diff, DisconnectTarget, Ended, LeftReason, Member, MemberSession, NotAVersion, Person, Revision,
    Scope, SessionEvent, Snapshot, Sorted, Update, Users, Version, Viewer,
};
pub use store::PresenceStore;
pub use time::{Clock, SystemClock, Timestamp, View};
