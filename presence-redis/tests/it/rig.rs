//! One server of each kind, which tests share. A test that kills its server starts its own.

use presence_core::random;
use presence_redis::{Namespace, Options, RedisStore, Sentinels};
use std::sync::LazyLock;
use test_servers::redis::{Cluster, Redis, Sentinel};

pub static REDIS: LazyLock<Redis> = LazyLock::new(Redis::start);
pub static VALKEY: LazyLock<Redis> = LazyLock::new(Redis::valkey);
pub static CLUSTER: LazyLock<Cluster> = LazyLock::new(|| Cluster::start(3, 0));
pub static SENTINEL: LazyLock<Sentinel> = LazyLock::new(Sentinel::start);

/// A namespace that no other test uses.
pub fn unique() -> String {
    format!("t{:016x}", random::u64())
}

/// The default settings, in the namespace of this name.
pub fn options(name: &str) -> Options {
    Options::new(Namespace::new(name).unwrap())
}

/// A new store on this server, with its own connections like that of another process.
pub fn on(server: &Redis, name: &str) -> RedisStore {
    RedisStore::connect(&server.url(), options(name)).unwrap()
}

pub fn on_cluster(cluster: &Cluster, name: &str) -> RedisStore {
    RedisStore::cluster(cluster.urls(), options(name)).unwrap()
}

pub fn through_sentinel(sentinel: &Sentinel, name: &str) -> RedisStore {
    RedisStore::sentinel(Sentinels::new(sentinel.urls(), sentinel.service()), options(name)).unwrap()
}

/// Deletes every key of a namespace, like a restart of a server without persistence.
pub fn lose(server: &Redis, name: &str) {
    for shard in 0..16 {
        for key in ["sessions", "placements", "users", "nodes", "touched", "records"] {
            let answer = server.command(&["DEL", &format!("presence:{{{name}:{shard}}}:{key}")]);
            assert!(!answer.starts_with('-') || answer.starts_with("-MOVED"), "{answer}");
        }
    }
}
