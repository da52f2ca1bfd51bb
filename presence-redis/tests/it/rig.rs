//! One server of each kind for all tests that share; those that kill start their own.

use presence_core::random;
use presence_redis::{Namespace, Options, RedisStore, Sentinels};
use std::sync::LazyLock;
use test_servers::redis::{Cluster, Redis, Sentinel};

pub static REDIS: LazyLock<Redis> = LazyLock::new(Redis::start);
pub static VALKEY: LazyLock<Redis> = LazyLock::new(Redis::valkey);
pub static CLUSTER: LazyLock<Cluster> = LazyLock::new(|| Cluster::start(3, 0));
pub static SENTINEL: LazyLock<Sentinel> = LazyLock::new(Sentinel::start);

/// A name that no other test uses.
pub fn unique() -> String {
    format!("t{:016x}", random::u64())
}

/// The defaults, in the namespace of this name.
pub fn options(name: &str) -> Options {
    Options::new(Namespace::new(name).unwrap())
}

/// A handle of one more process on this server.
pub fn on(server: &Redis, name: &str) -> RedisStore {
    RedisStore::connect(&server.url(), options(name)).unwrap()
}

pub fn on_cluster(cluster: &Cluster, name: &str) -> RedisStore {
    RedisStore::cluster(cluster.urls(), options(name)).unwrap()
}

pub fn through_sentinel(sentinel: &Sentinel, name: &str) -> RedisStore {
    RedisStore::sentinel(Sentinels::new(sentinel.urls(), sentinel.service()), options(name)).unwrap()
}

/// Takes every key of a namespace from a server, as a restart without a disk would.
pub fn lose(server: &Redis, name: &str) {
    for shard in 0..16 {
        for key in ["sessions", "placements", "users", "nodes", "touched", "records"] {
            let told = server.command(&["DEL", &format!("presence:{{{name}:{shard}}}:{key}")]);
            assert!(!told.starts_with('-') || told.starts_with("-MOVED"), "{told}");
        }
    }
}
