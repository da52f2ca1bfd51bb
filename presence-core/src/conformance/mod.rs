//! The conformance suites of stores and [brokers](broker), and the reference store that core's own
//! tests run on.
//!
//! A backend implements a [`Harness`], and gets one test per clause of the
//! [contract](crate::PresenceStore). The whole test file of a backend in the process's own memory:
//!
//! ```
//! use presence_core::testing::conformance::{Cannot, Harness, ReferenceStore as MyStore};
//! use presence_core::{PresenceStore, SystemClock, conformance_tests};
//! use std::{collections::HashMap, sync::Arc, sync::Mutex};
//!
//! #[derive(Default)]
//! struct Mine(Mutex<HashMap<String, MyStore>>);
//!
//! #[async_trait::async_trait]
//! impl Harness for Mine {
//!     async fn fresh() -> Self {
//!         Self::default()
//!     }
//!     async fn open(&self, namespace: &str) -> Arc<dyn PresenceStore> {
//!         let mut namespaces = self.0.lock().unwrap();
//!         Arc::new(namespaces.entry(namespace.into()).or_insert_with(|| MyStore::new(SystemClock)).clone())
//!     }
//!     async fn open_broken(&self) -> Result<Arc<dyn PresenceStore>, Cannot> {
//!         Err(Cannot("there is nothing that could be out of reach"))
//!     }
//!     async fn lose_all(&self, _namespace: &str) -> Result<(), Cannot> {
//!         Err(Cannot("its data is lost only with its process"))
//!     }
//! }
//!
//! conformance_tests!(Mine);
//! # fn main() {}
//! ```
//!
//! A store that takes a [`Clock`](crate::Clock) gets a
//! [`ManualClock`](crate::testing::ManualClock), which [`advance`](Harness::advance) advances: its
//! suite then takes almost no time.
//!
//! Each case is a function, which can also be called directly. A case fails by panicking. If a
//! backend [cannot](Cannot) provide something, the case that needs it prints the reason instead.
#![allow(clippy::expect_used, clippy::missing_panics_doc, reason = "a case is a test: it fails by panicking")]

pub mod broker;
pub mod clock;
pub mod errors;
mod follower;
pub mod forget;
mod harness;
pub mod histories;
pub mod isolation;
pub mod load;
mod macros;
mod mutations;
pub mod put;
mod reference_store;
mod rng;
mod scene;
pub mod touch;
pub mod users;
pub mod watch;

use follower::Follower;
pub use harness::{Cannot, Harness};
pub use mutations::mutations;
pub use reference_store::{Call, Calls, Fault, Faults, Reference, ReferenceStore};
pub(crate) use rng::Rng;

#[cfg(test)]
mod tests;
