//! A center and its leaves on NATS: a leaf with its own server, and one that connects to
//! the center directly.
//!
//! Real servers need real time: the tests assert that each event happens, but not when.

use super::node::{Node, admin, settings};
use hub_and_spoke::{Settings, StoreSettings, node as service};
use presence_core::SystemClock;
use serde_json::{Value, json};
use std::time::Duration;
use test_servers::nats::{BlackHole, Leaf, Nats};

/// Waits until this is so.
async fn until(what: &str, mut is_so: impl AsyncFnMut() -> bool) {
    let all_of_it = async {
        while !is_so().await {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(45), all_of_it)
        .await
        .unwrap_or_else(|_| panic!("never: {what}"));
}

async fn node(id: &str, arguments: &[&str]) -> Node {
    let settings = Settings { node_id: id.parse().unwrap(), ..settings(arguments) };
    let store = settings.store().unwrap();
    assert!(matches!(store, StoreSettings::Nats { .. }));
    let store = service::store(&store, &settings.node_id).unwrap();
    Node::by(store, SystemClock, &settings).await
}

async fn center(nats: &Nats) -> Node {
    node("center-1", &["--nats-url", &nats.url()]).await
}

/// A center, a leaf over its own server, and a leaf that talks to the center through a network that
/// can fail.
struct Spokes {
    servers: Leaf,
    network: BlackHole,
    center: Node,
    over: Node,
    direct: Node,
}

impl Spokes {
    async fn start() -> Self {
        let servers = tokio::task::spawn_blocking(Leaf::start).await.unwrap();
        let network = BlackHole::before(servers.hub());
        let center = center(servers.hub()).await;
        let over = [
            "--node-type",
            "leaf",
            "--nats-url",
            &servers.leaf().url(),
            "--nats-domain",
            servers.hub_domain(),
        ];
        let over = node("leaf-1", &over).await;
        let direct = node("leaf-2", &["--node-type", "leaf", "--nats-center-url", &network.url()]).await;
        let spokes = Self { servers, network, center, over, direct };
        for node in spokes.nodes() {
            until("a node is ready and can see", async || is_ready(node).await && !is_stale(node).await)
                .await;
        }
        spokes
    }

    fn nodes(&self) -> [&Node; 3] {
        [&self.center, &self.over, &self.direct]
    }

    async fn all_show(&self, user: &str, status: &str) {
        for node in self.nodes() {
            until(&format!("{user} is {status}"), async || node.status(user).await == status).await;
        }
    }
}

async fn is_ready(node: &Node) -> bool {
    node.get("/health/readiness").await.status == 200
}

async fn is_stale(node: &Node) -> bool {
    node.get("/api/v2/presence/anybody").await.header("presence-view") == Some("stale")
}

/// Sets a status. Repeats it while the service answers that the call took too long, as on
/// a busy machine.
async fn set(node: &Node, user: &str, status: &str) -> Value {
    let mut stored = Value::Null;
    until("a status is set", async || {
        let body = json!({ "status": status }).to_string();
        let reply = node.post(&format!("/api/v2/presence/{user}"), body).await;
        stored = reply.json();
        reply.status == 200
    })
    .await;
    stored
}

/// Tries to set a status; returns the status code.
async fn try_set(node: &Node, user: &str, status: &str) -> u16 {
    node.post(&format!("/api/v2/presence/{user}"), json!({ "status": status }).to_string()).await.status
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_write_at_any_node_is_read_at_every_node() {
    let spokes = Spokes::start().await;
    // The second round finds everybody cached everywhere.
    for round in ["away", "busy", "online"] {
        for (writer, id) in spokes.nodes().into_iter().zip(["center-1", "leaf-1", "leaf-2"]) {
            let stored = set(writer, "ada", round).await;
            assert_eq!(stored["nodeID"], id);
            for reader in spokes.nodes() {
                let read = async || reader.get("/api/v2/presence/ada").await;
                until("what was written is read", async || read().await.json() == stored).await;
            }
        }
    }
    let clear = async || spokes.over.call("DELETE", "/api/v2/presence/ada", Some(&admin()), "").await.status;
    until("it is cleared", async || clear().await == 204).await;
    spokes.all_show("ada", "404").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_leaf_whose_link_is_cut_reads_on_and_refuses_writes_until_it_is_back() {
    let spokes = Spokes::start().await;
    set(&spokes.center, "ada", "online").await;
    spokes.all_show("ada", "online").await;

    tokio::task::block_in_place(|| spokes.servers.cut());
    until("the leaf knows that it cannot see", async || is_stale(&spokes.over).await).await;
    assert_eq!(spokes.over.status("ada").await, "online");
    assert_eq!(spokes.over.status("never-asked-for").await, "503");
    assert_eq!(try_set(&spokes.over, "ada", "busy").await, 503);
    assert_eq!(try_set(&spokes.over, "bob", "busy").await, 503);
    assert!(!is_ready(&spokes.over).await);
    assert_eq!(spokes.over.get("/health").await.status, 200);
    // The others go on.
    set(&spokes.center, "ada", "away").await;
    until("the other leaf reads it", async || spokes.direct.status("ada").await == "away").await;

    tokio::task::block_in_place(|| spokes.servers.restore());
    until("the leaf can see again", async || !is_stale(&spokes.over).await && is_ready(&spokes.over).await)
        .await;
    spokes.all_show("ada", "away").await;
    spokes.all_show("bob", "404").await;
    set(&spokes.over, "ada", "busy").await;
    spokes.all_show("ada", "busy").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_leaf_whose_packets_vanish_reads_on_and_refuses_writes_until_they_arrive() {
    let spokes = Spokes::start().await;
    set(&spokes.center, "ada", "online").await;
    spokes.all_show("ada", "online").await;

    spokes.network.hold_back();
    // At once, before the leaf can know: a write that got an error must not happen later.
    assert_eq!(try_set(&spokes.direct, "bob", "busy").await, 503);
    until("the leaf knows that it cannot see", async || is_stale(&spokes.direct).await).await;
    assert_eq!(spokes.direct.status("ada").await, "online");
    assert_eq!(try_set(&spokes.direct, "ada", "busy").await, 503);
    assert_eq!(spokes.direct.status("never-asked-for").await, "503");
    set(&spokes.center, "ada", "away").await;

    spokes.network.pass();
    until("the leaf can see again", async || {
        !is_stale(&spokes.direct).await && is_ready(&spokes.direct).await
    })
    .await;
    spokes.all_show("ada", "away").await;
    spokes.all_show("bob", "404").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_status_lapses_on_every_node_also_after_it_was_set_again() {
    let spokes = Spokes::start().await;
    for _ in 0..2 {
        let set =
            async || spokes.over.post("/api/v2/presence/ada", r#"{"status":"busy","ttl":2}"#).await.status;
        until("a status is set", async || set().await == 200).await;
        spokes.all_show("ada", "404").await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn any_name_is_a_user() {
    let nats = tokio::task::spawn_blocking(Nats::start).await.unwrap();
    let node = center(&nats).await;
    until("the node is ready", async || is_ready(&node).await).await;
    let long = "%C3%A9".repeat(128);
    for user in ["a@b.c", "a%20b", "%2A", "%3E", "...", "a.b", "%F0%9F%98%80", "a%2Fb", "%3D41", &long] {
        set(&node, user, "busy").await;
        until(&format!("{user} is read"), async || node.status(user).await == "busy").await;
    }
    let presences: Vec<_> =
        (0..1_000).map(|i| json!({ "userID": format!("user-{i}"), "status": "away" })).collect();
    let batch = json!({ "presences": presences }).to_string();
    // On a busy machine this may take several attempts.
    let stored = async || node.post("/api/v2/presence/batch", batch.clone()).await.status == 200;
    until("a thousand are stored", stored).await;
    until("one of them is read", async || node.status("user-999").await == "away").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_node_starts_before_its_server_and_outlives_it() {
    let nats = tokio::task::spawn_blocking(Nats::start).await.unwrap();
    nats.kill();
    let node = center(&nats).await;
    assert!(!is_ready(&node).await);
    assert_eq!(node.status("ada").await, "503");
    assert_eq!(try_set(&node, "ada", "busy").await, 503);
    let restart = || tokio::task::block_in_place(|| nats.restart());
    restart();
    until("the node is ready", async || is_ready(&node).await && !is_stale(&node).await).await;
    until("nobody has a status yet", async || node.status("ada").await == "404").await;
    set(&node, "ada", "busy").await;
    set(&node, "bob", "busy").await;
    until("the status is read", async || node.status("ada").await == "busy").await;

    nats.kill();
    until("the node knows that it cannot see", async || is_stale(&node).await).await;
    assert_eq!(node.status("ada").await, "busy");
    assert_eq!(try_set(&node, "ada", "away").await, 503);
    restart();
    until("the node can see again", async || !is_stale(&node).await && is_ready(&node).await).await;
    for user in ["ada", "bob"] {
        until("what was stored in a file is read", async || node.status(user).await == "busy").await;
    }
}
