//! Presence on Redis and Valkey: one server, Sentinel, or a cluster.
//!
//! [`RedisStore`] keeps what [`presence_core`] tells it in a few hashes per shard, and tells every
//! other process what changes. One Lua script per verb runs within one shard, so that each verb is
//! atomic there; callers at the same time share batches.
//!
//! # In Redis
//! Users are spread over shards. The keys of shard 3 of the namespace `chat`:
//!
//! | key | what |
//! |---|---|
//! | `presence:{chat:3}:sessions` | HASH `user TAB session` → last seen and last active; fields that begin with a TAB are the shard's own |
//! | `presence:{chat:3}:placements` | HASH `user TAB session` → placement, status |
//! | `presence:{chat:3}:users` | HASH user → the names of their sessions |
//! | `presence:{chat:3}:nodes` | HASH process → its last beat |
//! | `presence:{chat:3}:records` | HASH user → when they were last seen or erased, whether they are blocked |
//! | `presence:{chat:3}:touched` | STRING, renewals that are stored and will be announced within a quarter of a second |
//! | `presence:{chat:3}` | the channel of what changes |
//!
//! All of them expire together when no process beats any more, but for `records`, which stays for
//! 100 days after its last change. `redis-cli hgetall 'presence:{chat:3}:sessions'` shows who is
//! there.
//!
//! # What the server needs
//! - **No eviction**: `maxmemory-policy noeviction`, the default. All keys expire, so that the
//!   `volatile-` policies would take them as well. Of a shard that has lost one of its keys, a
//!   process that starts then sees nobody until they enter again; delete all of its keys, and the
//!   processes tell it anew.
//! - **Rights**, where it knows users: `EVALSHA`, `EVAL`, `SUBSCRIBE` (`SSUBSCRIBE`), `PING`,
//!   `HELLO`, `CLIENT`, and what the scripts call: `HGET`, `HMGET`, `HSET`, `HSETNX`, `HDEL`,
//!   `HSCAN`, `HGETALL`, `HINCRBY`, `GET`, `SET`, `SETRANGE`, `GETRANGE`, `STRLEN`, `APPEND`,
//!   `DEL`, `PEXPIRE`, `TIME`, `PUBLISH` (`SPUBLISH`), on `presence:{<namespace>:*`, keys and
//!   channels. `INFO` too, if it can be had: it tells of failovers.
//! - **No persistence**: what it has lost, the processes tell it again. [`RedisBroker`] needs it
//!   where messages shall survive a restart, with `appendfsync always` where none that was
//!   acknowledged may be lost; its scripts also call `XADD`, `XDEL`, `XLEN`, `XRANGE` and
//!   `XREVRANGE` on `presence:log:*`, `presence:meta:*`, `presence:key:*` and `presence:heard:*`,
//!   its connections `PSUBSCRIBE` to `presence:event:*`.
//!
//! # The map
//! | file | what lives there |
//! |---|---|
//! | `store` | how a store is opened |
//! | `verbs` | put, touch, forget, load |
//! | `options` | settings |
//! | `keys` | names of keys and fields, which shard |
//! | `codec` | how sessions, nodes and touches are written |
//! | `batch` | from batches to calls |
//! | `lua/` | the scripts |
//! | `wire/` | one connection, the one that calls share, scripts and their replies |
//! | `error` | what can go wrong |
//! | `feed/` | what a watch does |
//! | `broker/`, `lua/broker/` | [`RedisBroker`], which carries messages |
//!
//! # Metrics
//! | name | kind | what it says |
//! |---|---|---|
//! | `presence_redis_unreadable_total` | counter | entries under our keys that are none of ours |
//! | `presence_redis_foreign_ignored_total` | counter | messages of foreign publishers that were none, or went to a closed channel |
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
pub use keys::Namespace;
pub use options::Options;
/// The client crate, for ready-made clients.
pub use redis;
pub use store::{RedisStore, Sentinels};
