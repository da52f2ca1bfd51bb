//! Presence on NATS JetStream: one server, a cluster, or the leaf nodes of either.
//!
//! [`NatsStore`] keeps what [`presence_core`] tells it in a key-value bucket, where one can read
//! it, and renewals in a second stream, where they cost next to nothing. It works on servers from
//! 2.9 on; from 2.11 on, reads take fewer requests, and deleted keys leave nothing behind.
//!
//! ```no_run
//! use presence_nats::{Namespace, NatsStore, Options, async_nats::ConnectOptions};
//! # async fn open() -> Result<(), presence_core::store::Error> {
//! let options = Options::new(Namespace::new("chat")?);
//! let store = NatsStore::connect("nats://127.0.0.1:4222", ConnectOptions::new(), options)?;
//! store.ping().await?;
//! # Ok(()) }
//! ```
//!
//! # In NATS
//! For the namespace `chat`:
//!
//! | where | what |
//! |---|---|
//! | bucket `chat` (stream `KV_chat`), key `s.<user>.<session>` | a session, as JSON |
//! | the same, key `n.<node>` | a process and its last beat, as JSON |
//! | the same, key `u.<user>` | what is kept of a user beside sessions: last seen, erased, blocked |
//! | the same, key `t` | the time of the bucket, and the stretches of it in which nobody could write |
//! | the same, key `policy` | the windows of the first process that told its own |
//! | stream `BEATS_chat`, subject `$KV.chat=beats.<writer>` | renewals, up to 512 in a message: `[["alice","tab-1",<seen>,<active>,<revision>],…]` |
//!
//! Both are made by whoever first finds them missing. `nats kv get chat s.alice.tab-1` shows a
//! session; other bytes than `A-Z`, `a-z`, `0-9`, `_`, `-` and `/` stand there as `=XX`. Whoever
//! deletes a key by hand asks the process that knows better to write it again.
//!
//! An account needs to publish to `$JS.API.>` and `$KV.>` (with a domain: `$JS.<domain>.API.>`) and
//! to `$JS.FC.>`, and to subscribe to its inbox.
//!
//! # Why it is right
//! - **A put lands only where nobody else has written meanwhile**
//!   (`Nats-Expected-Last-Subject-Sequence`); else it reads, merges and repeats. A batch is on its
//!   way all at once. What this handle wrote last it need not read.
//! - **A renewal is published only for a session that is there**: the handle knows by its own
//!   watch, once that has read up to where the leader says the bucket is; a handle that does not
//!   watch reads the records. So renewals of another life of a session never count.
//! - **Times are those of the record or of the renewals, the later ones.** Every handle that reads
//!   follows the renewals (some 50 bytes for each session that was renewed lately) and first
//!   catches up with what had been published when it was asked. Leases too long for that stream are
//!   renewed in the record.
//! - **Reads are as of the call**, in a cluster as well: what a replica answers that is behind the
//!   leader is asked of the leader.
//! - **A watch proves time by a write in both streams**, an empty batch of renewals and then the
//!   record `t`, and only after all that their leaders had then has been told. One process writes
//!   for all; a server that refuses writes proves nothing. A lost message, a stream that is another
//!   or shorter than before, a reader that the server has dropped: each ends the feed, and the next
//!   one tells everything. Another life of either stream is another epoch.
//! - **A deletion is not lost on whoever is a moment behind.** A bucket keeps one message of a key,
//!   so that a record put after a deletion may be all that a watch reads: for ten minutes, such a
//!   record tells of the deletion in a header. And a renewal, which comes by the other stream,
//!   waits until its record has been told.
//! - **A record that lives is written again in good time before `max_age`**, whether it changes or
//!   not; what expires is a record that nobody's life depends on. A mark that somebody else left
//!   says *forgotten*, never *left*.
//!
//! Renewals are kept in memory, also where sessions are kept in files: a server that restarts alone
//! has lost the last two minutes of them. Every process knows them still; one that starts in that
//! moment sees those who only renewed a moment later.
//!
//! # Messages
//! [`NatsBroker`] is a [`Broker`](presence_core::Broker) on a stream of its own, for messages that
//! are not presence.
//!
//! # The map
//! | file | what lives there |
//! |---|---|
//! | `store` | how a store is opened, and the trait |
//! | `options` | settings |
//! | `verbs/` | put, touch, forget, load |
//! | `feed/` | what a watch does; writing old records again |
//! | `jetstream/` | JetStream's API over one connection, the streams, and ordered readers |
//! | `state/` | the bucket of sessions: conditional writes, cached revisions, epochs |
//! | `renewals/` | renewals of sessions, in a stream of their own |
//! | `broker/` | the broker: its stream, publishing, reading history, following what is stored |
//! | `policy` | whether all processes have the same windows |
//! | `keys`, `codec` | names, and what stands under them |
//! | `error` | what can go wrong |
//!
//! # Metrics
//! | name | kind | what it says |
//! |---|---|---|
//! | `presence_nats_unreadable_total` | counter | messages under our names that are none of ours |
//! | `presence_nats_conflicts_total` | counter | writes that somebody else was faster with, and that were repeated |

mod broker;
mod codec;
mod error;
mod feed;
#[cfg(any(test, fuzzing))]
#[doc(hidden)]
pub mod fuzzing;
mod jetstream;
mod keys;
mod metrics;
mod options;
mod policy;
mod renewals;
mod state;
mod store;
mod verbs;

/// The client crate, for ready-made clients and for how to connect.
pub use async_nats;
pub use broker::{BrokerOptions, NatsBroker};
pub use options::{Namespace, Options, Storage};
pub use store::NatsStore;
