use std::time::Duration;

use super::{Redis, redis_server, valkey_server};
use crate::{
    patience::{PATIENCE, wait_until, within},
    port::Port,
};

const SLOTS: usize = 16384;

/// A cluster. The slots are spread evenly over the masters, and each master has the same number of
/// replicas. A replica takes over about 2 s after its master was killed.
#[derive(Debug)]
pub struct Cluster {
    /// First the original masters in the order of their slots, then the original replicas of the
    /// first master, and so on.
    nodes: Vec<Redis>,
    /// The ports on which the nodes talk with each other.
    buses: Vec<Port>,
}

impl Cluster {
    /// Starts a cluster of Redis 7. Returns when it serves every slot and all replicas are in sync.
    ///
    /// # Panics
    /// If the cluster cannot be started, with the reason.
    pub fn start(masters: usize, replicas: usize) -> Self {
        Self::of(masters, replicas, |settings| Redis::run(&redis_server(), settings))
    }

    /// Starts a cluster of Redis 7 in which each node's clock can be [set](Redis::set_clock). Linux
    /// only.
    ///
    /// # Panics
    /// As [`Cluster::start`].
    pub fn with_clocks(masters: usize, replicas: usize) -> Self {
        Self::of(masters, replicas, |settings| Redis::run_with_clock(&redis_server(), settings))
    }

    /// Starts a cluster of Valkey.
    ///
    /// # Panics
    /// As [`Cluster::start`].
    pub fn valkey(masters: usize, replicas: usize) -> Self {
        Self::of(masters, replicas, |settings| Redis::run(&valkey_server(), settings))
    }

    /// The URLs of the nodes.
    pub fn urls(&self) -> Vec<String> {
        self.nodes.iter().map(Redis::url).collect()
    }

    /// All nodes: first the original masters in the order of their slots, then the original
    /// replicas of the first master, and so on.
    pub fn nodes(&self) -> &[Redis] {
        &self.nodes
    }

    /// The present master of this slot. After a kill, waits until a replica has taken over.
    ///
    /// # Panics
    /// If there is none within 30 s.
    pub fn master_of(&self, slot: u16) -> &Redis {
        let master = within(PATIENCE, || {
            let running = self.nodes.iter().filter(|node| node.is_started());
            // A restarted node may report for a moment that it is still the master. The node that
            // has taken over has the greater epoch.
            running
                .filter_map(|node| Some((epoch_as_master_of(node, slot)?, node)))
                .max_by_key(|(epoch, _)| *epoch)
        });
        master.unwrap_or_else(|| panic!("slot {slot} has no master")).1
    }

    /// Kills the master of this slot and returns it, for a later restart. Does not wait for the
    /// failover; [`master_of`](Self::master_of) does.
    ///
    /// # Panics
    /// If the slot has no master.
    pub fn kill_master_of(&self, slot: u16) -> &Redis {
        let master = self.master_of(slot);
        master.kill();
        master
    }

    fn of(masters: usize, replicas: usize, server: impl Fn(&[(&str, &str)]) -> Redis) -> Self {
        assert!(masters > 0, "a cluster has a master");
        let buses: Vec<_> = (0..masters * (1 + replicas)).map(|_| Port::free()).collect();
        let node = |bus: &Port| {
            let bus = bus.number().to_string();
            server(&[
                ("cluster-enabled", "yes"),
                ("cluster-port", &bus),
                ("cluster-node-timeout", "1000"),
                // A replica takes over even if its data is old, since tests wait for that.
                ("cluster-replica-validity-factor", "0"),
                ("cluster-allow-replica-migration", "no"),
                ("repl-diskless-sync-delay", "0"),
            ])
        };
        let nodes = buses.iter().map(node).collect();
        let cluster = Self { nodes, buses };
        cluster.join(masters, replicas);
        cluster
    }

    fn join(&self, masters: usize, replicas: usize) {
        for (n, node) in self.nodes.iter().enumerate() {
            // Different epochs from the start avoid conflicts, which the nodes would have to
            // resolve.
            assert_eq!(node.command(&["CLUSTER", "SET-CONFIG-EPOCH", &(n + 1).to_string()]), "OK");
            if n < masters {
                let (first, last) = (n * SLOTS / masters, (n + 1) * SLOTS / masters - 1);
                let range = ["CLUSTER", "ADDSLOTSRANGE", &first.to_string(), &last.to_string()];
                assert_eq!(node.command(&range), "OK");
            }
        }
        for (node, bus) in self.nodes.iter().zip(&self.buses).skip(1) {
            let (port, bus) = (node.port().to_string(), bus.number().to_string());
            assert_eq!(self.nodes[0].command(&["CLUSTER", "MEET", "127.0.0.1", &port, &bus]), "OK");
        }
        let all = format!("cluster_known_nodes:{}\r", self.nodes.len());
        for node in &self.nodes {
            wait_until("the nodes have met", || node.command(&["CLUSTER", "INFO"]).contains(&all));
        }
        for (n, replica) in self.nodes[masters..].iter().enumerate() {
            let id = self.nodes[n / replicas].command(&["CLUSTER", "MYID"]);
            // The command fails as long as the replica is in the handshake with its master.
            wait_until("a replica has its master", || {
                replica.command(&["CLUSTER", "REPLICATE", &id]) == "OK"
            });
        }
        for node in &self.nodes {
            wait_until("every node is content", || is_ready(node, masters, replicas));
        }
    }
}

/// Whether this node reports that every slot is served and all replicas are connected. A replica
/// must also be in sync.
fn is_ready(node: &Redis, masters: usize, replicas: usize) -> bool {
    let nodes = node.command(&["CLUSTER", "NODES"]);
    node.command(&["CLUSTER", "INFO"]).contains("cluster_state:ok")
        && nodes.lines().filter(|line| line.contains("slave")).count() == masters * replicas
        && nodes.lines().all(|line| line.contains("connected") && !line.contains("disconnected"))
        && !node.command(&["INFO", "replication"]).contains("master_link_status:down")
}

/// The epoch of this node as master of the slot; `None` if the node reports another role.
fn epoch_as_master_of(node: &Redis, slot: u16) -> Option<u64> {
    let nodes = node.ask(Duration::from_secs(1), &["CLUSTER", "NODES"]).ok()?;
    // <id> <address> <flags> <master> <ping sent> <pong received> <epoch> <link> <slots>...
    let fields: Vec<_> = nodes.lines().find(|line| line.contains("myself"))?.split(' ').collect();
    let serves = fields.get(8..)?.iter().any(|range| {
        let (first, last) = range.split_once('-').unwrap_or((range, range));
        first.parse().is_ok_and(|first: u16| first <= slot)
            && last.parse().is_ok_and(|last: u16| slot <= last)
    });
    if serves && fields[2].contains("master") { fields[6].parse().ok() } else { None }
}
