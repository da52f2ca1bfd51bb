//! Presence on Redis and Valkey: one server, Sentinel, or a cluster.
//!
//! [`RedisStore`] keeps sessions in a few hashes per shard, and announces each change to all other
//! processes. Each verb is one Lua script, which is atomic within a shard. Concurrent
//! callers share batches.
//!
//! # In Redis
//! Users are spread over shards. The keys of shard 3 of the namespace `chat`:
//!
//! | key | what |
//! |---|---|
//! | `presence:{chat:3}:sessions` | HASH `user TAB session` → last seen and last active; fields that begin with a TAB are the shard's own |
//! | `presence:{chat:3}:placements` | HASH `user TAB session` → placement, status |
//! | `presence:{chat:3}:users` | HASH user → the ids of the user's sessions |
//! | `presence:{chat:3}:nodes` | HASH process → its last heartbeat |
//! | `presence:{chat:3}:records` | HASH user → the user record: last seen, erased, blocked |
//! | `presence:{chat:3}:touched` | STRING, renewals that are stored and will be announced within a quarter of a second |
//! | `presence:{chat:3}` | the channel on which changes are announced |
//!
//! The keys of a shard expire together some time after the last heartbeat of a process, except
//! `records`, which is kept for 100 days after its last change. `redis-cli hgetall
//! 'presence:{chat:3}:sessions'` shows the sessions.
//!
//! # What the server needs
//! - **No eviction**: `maxmemory-policy noeviction`, the default. All keys expire, so that the
//!   `volatile-` policies would evict them as well. When a shard has lost one of its keys, a
//!   process that starts afterwards sees no sessions until they enter again. The remedy is to
//!   delete all keys of the shard: the processes then write their sessions again.
//! - **Permissions**, if the server has users (ACL): `EVALSHA`, `EVAL`, `SUBSCRIBE` (`SSUBSCRIBE`),
//!   `PING`, `HELLO`, `CLIENT`, and what the scripts call: `HGET`, `HMGET`, `HSET`, `HSETNX`,
//!   `HDEL`, `HSCAN`, `HGETALL`, `HINCRBY`, `GET`, `SET`, `SETRANGE`, `GETRANGE`, `STRLEN`,
//!   `APPEND`, `DEL`, `PEXPIRE`, `TIME`, `PUBLISH` (`SPUBLISH`), on `presence:{<namespace>:*`, keys
//!   and channels. If possible `INFO` as well, by which failovers are detected.
//! - **No persistence**: if the server loses data, the processes write it again. [`RedisBroker`]
//!   needs persistence if messages must survive a restart, with `appendfsync always` if no
//!   acknowledged message may be lost. Its scripts also call `XADD`, `XDEL`, `XLEN`, `XRANGE` and
//!   `XREVRANGE` on `presence:log:*`, `presence:meta:*`, `presence:key:*` and `presence:heard:*`,
//!   its connections `PSUBSCRIBE` to `presence:event:*`.
//!
//! # The map
//! | file | contents |
//! |---|---|
//! | `store` | opens a store |
//! | `verbs` | put, touch, forget, load |
//! | `options` | settings |
//! | `keys` | names of keys and fields, the shard of a user |
//! | `codec` | the formats of sessions, nodes and touches |
//! | `batch` | divides batches into calls |
//! | `lua/` | the scripts |
//! | `wire/` | connections, calls of scripts, and decoding of replies |
//! | `error` | errors of the store, by what the caller should do |
//! | `feed/` | a watch: its connection, and a follower for each shard |
//! | `broker/`, `lua/broker/` | [`RedisBroker`], which carries messages |
//!
//! # Metrics
//! | name | kind | meaning |
//! |---|---|---|
//! | `presence_redis_unreadable_total` | counter | entries under our keys that could not be decoded |
//! | `presence_redis_foreign_ignored_total` | counter | invalid messages of foreign publishers, and those to a closed channel |
//! | `presence_redis_foreign_dropped_total` | counter | messages of foreign publishers that came faster than they could be stored |

mod batch;
mod broker;
mod codec;
mod error;
mod feed;
#[cfg(any(test, fuzzing))]
#[doc(hidden)]
pub mod fuzzing;
mod keys;
mod metrics;
mod options;
mod store;
mod verbs;
mod wire;

pub use broker::{BrokerOptions, Foreign, RedisBroker};
pub use options::Options;
pub use presence_core::store::Namespace;
/// The client crate, for ready-made clients.
pub use redis;
pub use store::{RedisStore, Sentinels};
