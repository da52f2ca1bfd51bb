use super::{BRIEFLY, Nats, client, nats_server};
use crate::{
    patience::{PATIENCE, wait_until, within},
    port::Port,
};
use std::sync::atomic::{AtomicUsize, Ordering};

/// Three servers, which can keep three replicas of each stream. A new leader is elected 5 to 10 s
/// after the old one was killed.
#[derive(Debug)]
pub struct Cluster {
    nodes: Vec<Nats>,
    /// The ports on which the nodes talk with each other.
    _routes: Vec<Port>,
}

impl Cluster {
    /// Starts a cluster. Returns when it has a leader and accepts streams with three replicas.
    ///
    /// # Panics
    /// If it cannot be started, with the reason.
    pub fn start() -> Self {
        let routes: Vec<_> = (0..3).map(|_| Port::free()).collect();
        let all: Vec<_> =
            routes.iter().map(|route| format!("\"nats://127.0.0.1:{}\"", route.number())).collect();
        let node = |route: &Port| {
            let listen = format!("\"127.0.0.1:{}\"", route.number());
            let config =
                format!("cluster {{ name: presence, listen: {listen}, routes: [{}] }}", all.join(", "));
            Nats::spawn(&nats_server(), Port::free(), &config, false)
        };
        let nodes = routes.iter().map(node).collect();
        let cluster = Self { nodes, _routes: routes };
        for node in &cluster.nodes {
            node.ready().unwrap_or_else(|why| panic!("{why}"));
        }
        cluster.settle();
        cluster.prove();
        cluster
    }

    /// The URLs of the nodes.
    pub fn urls(&self) -> Vec<String> {
        self.nodes.iter().map(Nats::url).collect()
    }

    /// The three servers.
    pub fn nodes(&self) -> &[Nats] {
        &self.nodes
    }

    /// Waits until every running node knows the leader of the cluster and is up to date
    /// with its streams.
    ///
    /// # Panics
    /// If that takes more than 30 s; with two nodes killed it always does.
    pub fn settle(&self) {
        for node in self.running() {
            wait_until("a node is healthy", || node.is_healthy());
        }
    }

    /// The present leader of this stream. After a kill, waits for the new leader.
    ///
    /// # Panics
    /// If there is none within 30 s.
    pub fn leader_of(&self, stream: &str) -> &Nats {
        let leader = within(PATIENCE, || {
            self.running().find_map(|asked| {
                let info =
                    client::request(asked.port(), &format!("$JS.API.STREAM.INFO.{stream}"), "", BRIEFLY);
                let (_, leader) = info.as_ref().ok()?.split_once("\"leader\":\"")?;
                let (leader, _) = leader.split_once('"')?;
                self.running().find(|node| node.name() == leader)
            })
        });
        leader.unwrap_or_else(|| panic!("stream {stream} has no leader"))
    }

    /// Kills the leader of this stream and returns it, for a later restart. Does not wait for the
    /// election; [`leader_of`](Self::leader_of) does.
    ///
    /// # Panics
    /// If the stream has no leader.
    pub fn kill_leader_of(&self, stream: &str) -> &Nats {
        let leader = self.leader_of(stream);
        leader.kill();
        leader
    }

    fn running(&self) -> impl Iterator<Item = &Nats> {
        self.nodes.iter().filter(|node| node.is_started())
    }

    /// Waits until streams with three replicas are accepted.
    ///
    /// A newly elected leader does not know all three nodes yet, and on a busy machine a node may
    /// count as offline for some seconds.
    ///
    /// # Panics
    /// If that takes more than 30 s.
    pub fn prove(&self) {
        // The name is unique, since several tests may do this at the same time.
        static ASKED: AtomicUsize = AtomicUsize::new(0);
        let name = format!("settled-{}", ASKED.fetch_add(1, Ordering::Relaxed));
        let (api, node) = ("$JS.API.STREAM", &self.nodes[0]);
        let ask = |verb: &str, config: &str| {
            let reply = client::request(node.port(), &format!("{api}.{verb}.{name}"), config, PATIENCE);
            reply.is_ok_and(|reply| reply.contains("_response\"") && !reply.contains("\"error\""))
        };
        let config =
            format!(r#"{{"name":"{name}","subjects":["{name}"],"storage":"memory","num_replicas":3}}"#);
        let config = config.as_str();
        wait_until("the cluster takes a stream", || ask("CREATE", config));
        wait_until("the stream is gone", || ask("DELETE", ""));
    }
}
