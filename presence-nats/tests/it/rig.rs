//! One server of each kind for all tests that share; those that kill start their own.

use presence_core::random;
use presence_nats::async_nats::ConnectOptions;
use presence_nats::{BrokerOptions, Namespace, NatsStore, Options, Storage};
use std::sync::LazyLock;
use test_servers::nats::{Cluster, Leaf, Nats};

pub static NATS: LazyLock<Nats> = LazyLock::new(Nats::start);
pub static OLD: LazyLock<Nats> = LazyLock::new(Nats::old);
pub static CLUSTER: LazyLock<Cluster> = LazyLock::new(Cluster::start);
pub static LEAF: LazyLock<Leaf> = LazyLock::new(Leaf::start);

/// A name that no other test uses.
pub fn unique() -> String {
    format!("t{:016x}", random::u64())
}

/// The defaults, in the namespace of this name.
pub fn options(name: &str, storage: Storage) -> Options {
    Options::new(Namespace::new(name).unwrap()).storage(storage)
}

/// A broker's defaults, in the namespace of this name.
pub fn events(name: &str) -> BrokerOptions {
    BrokerOptions::new(Namespace::new(name).unwrap())
}

/// The same, on three servers.
pub fn replicated(name: &str) -> Options {
    options(name, Storage::File).replicas(3)
}

/// The same, for a process at the edge whose bucket is in the center.
pub fn from_the_edge(name: &str) -> Options {
    options(name, Storage::File).domain("center".to_owned())
}

/// A handle of one more process at this address.
pub fn at(urls: &str, options: Options) -> NatsStore {
    NatsStore::connect(urls, ConnectOptions::new(), options).unwrap()
}

pub fn on(server: &Nats, name: &str, storage: Storage) -> NatsStore {
    at(&server.url(), options(name, storage))
}

pub fn on_cluster(cluster: &Cluster, name: &str) -> NatsStore {
    at(&cluster.urls().join(","), replicated(name))
}

pub fn through(leaf: &Leaf, name: &str) -> NatsStore {
    at(&leaf.leaf().url(), from_the_edge(name))
}

/// Deletes a namespace's events.
pub fn lose_events(server: &Nats, name: &str) {
    let told = server.request(&format!("$JS.API.STREAM.DELETE.EVENTS_{name}"), "");
    assert!(told.contains("\"success\":true") || told.contains("10059"), "{told}");
}

/// Has a stream of this namespace, `KV` or `BEATS`, refuse whatever is published, or take it again.
pub fn refuse(server: &Nats, stream: &str, name: &str, refuses: bool) {
    let size = if refuses { 1 } else { -1 };
    change(server, stream, name, |info| info["config"]["max_msg_size"] = size.into());
}

/// Changes how a stream of this namespace is made, given what the server says of it.
pub fn change(server: &Nats, stream: &str, name: &str, change: impl FnOnce(&mut serde_json::Value)) {
    let info = server.request(&format!("$JS.API.STREAM.INFO.{stream}_{name}"), "");
    let mut info: serde_json::Value = serde_json::from_str(&info).unwrap();
    change(&mut info);
    let config = info["config"].to_string();
    let told = server.request(&format!("$JS.API.STREAM.UPDATE.{stream}_{name}"), &config);
    assert!(!told.contains("\"error\""), "{told}");
}

/// Fills what a server has of this storage, `file` or `memory`, so that it takes nothing more.
pub fn fill(server: &Nats, storage: &str) {
    let name = format!("FILL_{storage}");
    let config = format!(r#"{{"name":"{name}","subjects":["{name}"],"storage":"{storage}"}}"#);
    let told = server.request(&format!("$JS.API.STREAM.CREATE.{name}"), &config);
    assert!(told.contains("did_create"), "{told}");
    // To the last bytes: what is refused is tried with less.
    let mut size = 512 * 1024;
    while size > 0 {
        let told = server.request(&name, &"x".repeat(size));
        if told.contains("\"error\"") {
            size /= 4;
        }
    }
}

/// Gives back what [`fill`] took.
pub fn empty(server: &Nats, storage: &str) {
    let told = server.request(&format!("$JS.API.STREAM.DELETE.FILL_{storage}"), "");
    assert!(told.contains("\"success\":true"), "{told}");
}

/// Deletes a namespace's streams, whatever they hold.
pub fn lose(server: &Nats, name: &str) {
    for stream in ["KV", "BEATS"] {
        let told = server.request(&format!("$JS.API.STREAM.DELETE.{stream}_{name}"), "");
        assert!(told.contains("\"success\":true") || told.contains("10059"), "{told}");
    }
}
