//! The in-memory store and message broker of presence. They need no server.
//!
//! ```
//! use presence_core::Presence;
//! use presence_memory::MemoryStore;
//!
//! let builder = Presence::builder(MemoryStore::new());
//! # let _ = builder;
//! ```
//!
//! Any number of handles in one process share one store: give each handle its own clone of the
//! [`MemoryStore`]. [`MemoryBroker`] does the same for messages.

mod broker;
mod feed;
mod queue;
mod records;
mod shard;
mod shared;
mod slot;
mod store;

pub use broker::{HISTORY_BYTES, MemoryBroker};
pub use queue::QUEUE_ENTRIES;
pub use store::MemoryStore;
