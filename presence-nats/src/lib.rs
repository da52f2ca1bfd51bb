//! Presence on NATS JetStream: one server, a cluster, or the leaf nodes of either.
//!
//! [`NatsStore`] keeps sessions in a key-value bucket, legible with the tools of NATS, and renewals in
//! a second stream, where they cost next to nothing. It works on servers from
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
//! | the same, key `n.<node>` | a process and its last heartbeat, as JSON |
//! | the same, key `u.<user>` | the user record: last seen, erased, blocked |
//! | the same, key `t` | the time of the bucket, and its blind stretches, in which nobody could write |
//! | the same, key `policy` | the policy of the first process that has one in its options |
//! | stream `BEATS_chat`, subject `$KV.chat=beats.<writer>` | renewals, up to 512 in a message: `[["alice","tab-1",<seen>,<active>,<revision>],…]` |
//!
//! The first process that finds a stream missing creates it. `nats kv get chat s.alice.tab-1` shows a
//! session; other bytes than `A-Z`, `a-z`, `0-9`, `_`, `-` and `/` are encoded as `=XX`. If a key of a
//! live session is deleted by hand, its process writes it again.
//!
//! An account needs to publish to `$JS.API.>` and `$KV.>` (with a domain: `$JS.<domain>.API.>`) and
//! to `$JS.FC.>`, and to subscribe to its inbox.
//!
//! # How it keeps the contract
//! - **A put is stored only if nobody else has written the record meanwhile**
//!   (`Nats-Expected-Last-Subject-Sequence`); otherwise it reads the record, merges and tries
//!   again. All records of a batch are in flight at once. A record that this handle wrote last need
//!   not be read.
//! - **A renewal is published only for a session that exists.** The handle knows that from its own
//!   watch, once the watch has read up to the end of the bucket that the leader reports; a handle
//!   without a watch reads the records. So a renewal of an earlier session of the same id never
//!   counts.
//! - **The times of a session are the later of those in its record and those of its renewals.** A
//!   handle follows the renewals (some 50 bytes for each recently renewed session) as soon as it
//!   reads, and each read first waits for all renewals that were published before it. A session
//!   whose lease is too long for that stream is renewed in its record.
//! - **Reads are as of the call**, in a cluster as well: where the answering replica lags behind
//!   the leader, the leader is asked.
//! - **A watch proves time by a write to both streams**, an empty batch of renewals and then the
//!   record `t`, and reports the proof only after everything that the leaders had stored at that
//!   time. One process writes for all; a server that refuses writes proves nothing. A lost message,
//!   a stream that was replaced or is shorter than before, and a consumer that the server has
//!   dropped each end the feed; the next one begins with a snapshot. When either stream is created
//!   again, the epoch is a new one.
//! - **A watch that lags does not miss a deletion.** A bucket keeps one message of a key, so a
//!   record that was put after a deletion may be all that a watch reads: for ten minutes, such a
//!   record repeats the deletion in a header. And a renewal, which arrives by the other stream,
//!   waits until its record has been reported.
//! - **The record of a live session is written again in good time before `max_age`**, whether it
//!   changes or not; only records of sessions that are no longer alive expire. The mark of a
//!   deletion by another tool means *forgotten*, never *left*.
//!
//! Renewals are kept in memory, also where sessions are kept in files: a server without replicas
//! loses the last two minutes of them when it restarts. All running processes still know them; a
//! process that starts at that moment sees sessions whose latest change was a renewal a moment
//! later.
//!
//! # Messages
//! [`NatsBroker`] is a [`Broker`](presence_core::Broker) on a stream of its own, for messages that
//! are not presence.
//!
//! # The map
//! | file | contents |
//! |---|---|
//! | `store` | how a store is opened, and its implementation of the trait |
//! | `options` | settings |
//! | `verbs/` | put, touch, forget, load |
//! | `feed/` | a watch: snapshot, changes, proofs of time; rewriting old records |
//! | `jetstream/` | JetStream's API over one connection, the streams, and ordered readers |
//! | `state/` | the bucket: conditional writes, cached revisions, epochs |
//! | `renewals/` | renewals of sessions, in a stream of their own |
//! | `broker/` | the broker: its stream, publishing, reading history, following what is stored |
//! | `policy` | compares the policies of the processes |
//! | `keys`, `codec` | names on the server, and the formats of records |
//! | `error` | failures of requests |
//!
//! # Metrics
//! | name | kind | meaning |
//! |---|---|---|
//! | `presence_nats_unreadable_total` | counter | messages on our subjects that could not be decoded |
//! | `presence_nats_conflicts_total` | counter | writes that were repeated after a conflict with another writer |

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
pub use options::{Options, Storage};
pub use presence_core::store::Namespace;
pub use store::NatsStore;
