use std::time::Duration;

use test_servers::{
    redis::{Cluster, Redis},
    within,
};

const LIMIT: Duration = Duration::from_secs(30);

/// `a` is in slot 15495, `b` in 3300, `c` in 7365.
const KEYS: [(&str, u16); 3] = [("a", 15495), ("b", 3300), ("c", 7365)];

#[test]
fn cluster_serves_each_slot_by_the_master_that_it_reports() {
    let cluster = Cluster::start(3, 0);
    assert_eq!((cluster.nodes().len(), cluster.urls().len()), (3, 3));
    for (key, slot) in KEYS {
        assert_eq!(cluster.master_of(slot).command(&["SET", key, "1"]), "OK");
    }
    assert_eq!(cluster.master_of(0).port(), cluster.nodes()[0].port());
    assert!(cluster.nodes()[0].command(&["GET", "a"]).starts_with("-MOVED 15495 "));
}

#[test]
fn replica_takes_over_from_a_killed_master_which_is_a_replica_after_its_restart() {
    let cluster = Cluster::start(3, 1);
    let (key, slot) = KEYS[1];
    assert_eq!(cluster.master_of(slot).command(&["SET", key, "1"]), "OK");
    let arrived = || cluster.nodes()[3..].iter().any(|replica| replica.command(&["DBSIZE"]) == "1");
    assert!(within(LIMIT, || arrived().then_some(())).is_some());
    let killed = cluster.kill_master_of(slot);
    let new_master = cluster.master_of(slot);
    assert_ne!(new_master.port(), killed.port());
    let read = |node: &Redis| (node.command(&["GET", key]) == "1").then_some(());
    assert!(within(LIMIT, || read(new_master)).is_some());
    killed.restart();
    let is_replica = || killed.command(&["ROLE"]).starts_with("slave").then_some(());
    assert!(within(LIMIT, is_replica).is_some());
    assert_eq!(cluster.master_of(slot).port(), new_master.port());
}

#[test]
fn valkey_cluster_serves_slots_and_has_replicas() {
    let cluster = Cluster::valkey(2, 1);
    assert_eq!(cluster.master_of(15495).command(&["SET", "a", "1"]), "OK");
    assert!(cluster.nodes()[3].command(&["ROLE"]).starts_with("slave"));
}
