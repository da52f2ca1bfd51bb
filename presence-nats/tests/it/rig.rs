//! The shared test servers, one of each kind, and functions that open and disturb them. Tests that
//! stop a server start their own.

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

/// The default options of a store in this namespace.
pub fn options(name: &str, storage: Storage) -> Options {
    Options::new(Namespace::new(name).unwrap()).storage(storage)
}

/// The default options of a broker in this namespace.
pub fn events(name: &str) -> BrokerOptions {
    BrokerOptions::new(Namespace::new(name).unwrap())
}

/// The default options of a store with three replicas.
pub fn replicated(name: &str) -> Options {
    options(name, Storage::File).replicas(3)
}

/// The default options of a store on a leaf node, with the bucket in the domain `center`.
pub fn from_the_edge(name: &str) -> Options {
    options(name, Storage::File).domain("center".to_owned())
}

/// Opens a store at these URLs, with a connection of its own.
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

/// Deletes the stream of events of a namespace.
pub fn lose_events(server: &Nats, name: &str) {
    let answer = server.request(&format!("$JS.API.STREAM.DELETE.EVENTS_{name}"), "");
    assert!(answer.contains("\"success\":true") || answer.contains("10059"), "{answer}");
}

/// Makes a stream of this namespace, `KV` or `BEATS`, refuse all messages, or accept them again.
pub fn refuse(server: &Nats, stream: &str, name: &str, refuses: bool) {
    let size = if refuses { 1 } else { -1 };
    change(server, stream, name, |info| info["config"]["max_msg_size"] = size.into());
}

/// Changes the settings of a stream of this namespace; `change` edits the stream's info.
pub fn change(server: &Nats, stream: &str, name: &str, change: impl FnOnce(&mut serde_json::Value)) {
    let info = server.request(&format!("$JS.API.STREAM.INFO.{stream}_{name}"), "");
    let mut info: serde_json::Value = serde_json::from_str(&info).unwrap();
    change(&mut info);
    let config = info["config"].to_string();
    let answer = server.request(&format!("$JS.API.STREAM.UPDATE.{stream}_{name}"), &config);
    assert!(!answer.contains("\"error\""), "{answer}");
}

/// Fills the storage of a server, `file` or `memory`, so that nothing more can be stored.
pub fn fill(server: &Nats, storage: &str) {
    let name = format!("FILL_{storage}");
    let config = format!(r#"{{"name":"{name}","subjects":["{name}"],"storage":"{storage}"}}"#);
    let answer = server.request(&format!("$JS.API.STREAM.CREATE.{name}"), &config);
    assert!(answer.contains("did_create"), "{answer}");
    // The last bytes are filled as well: after a refusal, a smaller message is tried.
    let mut size = 512 * 1024;
    while size > 0 {
        let answer = server.request(&name, &"x".repeat(size));
        if answer.contains("\"error\"") {
            size /= 4;
        }
    }
}

/// Frees the storage that [`fill`] has filled.
pub fn empty(server: &Nats, storage: &str) {
    let answer = server.request(&format!("$JS.API.STREAM.DELETE.FILL_{storage}"), "");
    assert!(answer.contains("\"success\":true"), "{answer}");
}

/// Deletes both streams of a store's namespace.
pub fn lose(server: &Nats, name: &str) {
    for stream in ["KV", "BEATS"] {
        let answer = server.request(&format!("$JS.API.STREAM.DELETE.{stream}_{name}"), "");
        assert!(answer.contains("\"success\":true") || answer.contains("10059"), "{answer}");
    }
}
