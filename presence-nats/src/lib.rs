//! Presence on NATS JetStream: one server, a cluster, or the leaf nodes of either.
//!
//! [`NatsStore`] keeps sessions in a key-value bucket, where the tools of NATS can read them, and
//! renewals in a second stream, where a renewal costs little. It supports servers from 2.9 on. From
//! 2.11 on, reads take fewer requests, and the server removes the marks of deleted keys.
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
//! | the same, key `t` | the store's time, and its blind stretches: the periods in which no process could write |
//! | the same, key `policy` | the policy of the first process that has one in its options |
//! | stream `BEATS_chat`, subject `$KV.chat=beats.<writer>` | renewals, up to 512 in a message: `[["alice","tab-1",<seen>,<active>,<revision>],…]` |
//!
//! The first process that finds a stream missing creates it. `nats kv get chat s.alice.tab-1` shows
//! a session. Bytes other than `A-Z`, `a-z`, `0-9`, `_`, `-` and `/` are encoded as `=XX`. If a key
//! of a live session is deleted by hand, its process writes it again.
//!
//! An account needs to publish to `$JS.API.>` and `$KV.>` (with a domain: `$JS.<domain>.API.>`) and
//! to `$JS.FC.>`, and to subscribe to its inbox.
//!
//! # How it fulfils the contract
//! - **A put is conditional**: the server stores it only if the record has not changed
//!   (`Nats-Expected-Last-Subject-Sequence`). After a refusal, the store reads the record, merges
//!   the two states and tries again. The records of a batch are written concurrently. A record that
//!   this handle wrote last is not read first.
//! - **A renewal is published only for an existing session.** A handle with a watch looks the
//!   session up in what the watch has read, after the watch has reached the end of the bucket
//!   according to the leader. A handle without a watch reads the records. So the renewal of a
//!   session never extends a later session with the same id.
//! - **The times of a session are those of its record or those of its latest renewal**, whichever
//!   are later. A handle follows the stream of renewals as soon as it reads, and keeps some 50
//!   bytes for each recently renewed session. Each read waits for all renewals that were published
//!   before it. A session whose lease is too long for that stream is renewed in its record. So is a
//!   session without a heartbeat at its first one; a read of sessions that only declare a status
//!   waits for no renewals.
//! - **A read returns everything that was stored before the call**, in a cluster as well. If the
//!   answering replica lags behind the leader, the store reads from the leader.
//! - **A watch proves time by writing to both streams**: first an empty batch of renewals, then the
//!   record `t`. It reports the proof after everything that the leaders had stored at that time.
//!   One process writes for all processes. While the server refuses writes, time is not proven. A
//!   feed ends when a message is lost, when a stream was replaced or is shorter than before, and
//!   when the server has dropped the consumer. The next feed begins with a snapshot. When either
//!   stream is created again, the epoch changes.
//! - **A watch that lags does not miss a deletion.** A bucket keeps only the last message of a key,
//!   so a watch may read a record that was put after a deletion without reading the deletion. For
//!   ten minutes after a deletion, each record that is put under its key repeats the deletion in a
//!   header. Renewals arrive by the other stream; a watch reports a renewal only after the renewed
//!   record.
//! - **The record of a live session is rewritten well before `max_age`**, even if it has not
//!   changed. Only the records of sessions that are no longer alive expire. A deletion by another
//!   tool is reported as *forgotten*, never as *left*.
//!
//! The server keeps renewals in memory, even if it keeps sessions in files. A server without
//! replicas therefore loses the last two minutes of renewals when it restarts. The running
//! processes still have them. A process that starts at that moment may see a session only after its
//! next renewal.
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
//! | `feed/` | watches (snapshot, changes, proofs of time), and the rewriting of old records |
//! | `jetstream/` | JetStream's API over one connection, the streams, and ordered readers |
//! | `state/` | the bucket: conditional writes, cached revisions, own writes that a watch need not decode, epochs |
//! | `renewals/` | renewals of sessions, in a stream of their own |
//! | `broker/` | the broker: its stream, publishing, history, and the follower of new events |
//! | `policy` | the comparison of the processes' policies |
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
