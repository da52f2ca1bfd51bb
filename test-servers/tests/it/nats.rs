use std::{
    io::{BufRead, BufReader},
    net::TcpStream,
    time::Duration,
};

use test_servers::{
    nats::{BlackHole, Cluster, Leaf, Nats},
    within,
};

const LIMIT: Duration = Duration::from_secs(30);

fn create(server: &Nats, stream: &str, storage: &str, replicas: usize) {
    let config = format!(
        r#"{{"name":"{stream}","subjects":["{stream}.>"],"storage":"{storage}","num_replicas":{replicas}}}"#
    );
    let reply = server.request(&format!("$JS.API.STREAM.CREATE.{stream}"), &config);
    assert!(!reply.contains("\"error\""), "{reply}");
}

fn has(server: &Nats, stream: &str) -> bool {
    !server.request(&format!("$JS.API.STREAM.INFO.{stream}"), "").contains("stream not found")
}

/// The greeting of a server.
fn greeting(port: u16) -> String {
    let mut line = String::new();
    BufReader::new(TcpStream::connect(("127.0.0.1", port)).unwrap()).read_line(&mut line).unwrap();
    line
}

#[test]
fn started_nats_stores_and_answers_requests() {
    let server = Nats::start();
    create(&server, "events", "memory", 1);
    assert!(server.request("events.a", "hello").contains("\"seq\":1"));
    assert!(server.request("nobody.listens", "").starts_with("NATS/1.0 503"));
    assert!(server.cpu() < Duration::from_mins(1));
}

#[test]
fn old_nats_has_version_2_9_and_keeps_streams_in_files_over_a_restart() {
    let server = Nats::old();
    create(&server, "events", "file", 1);
    assert!(server.request("events.a", "hello").contains("\"seq\":1"));
    assert!(greeting(server.port()).contains("\"version\":\"2.9."));
    server.restart();
    assert!(has(&server, "events"));
}

#[test]
fn killed_nats_restarts_with_its_streams_in_files_and_without_those_in_memory() {
    let server = Nats::start();
    create(&server, "kept", "file", 1);
    create(&server, "lost", "memory", 1);
    server.request("kept.a", "hello");
    let port = server.port();
    server.kill();
    assert!(TcpStream::connect(("127.0.0.1", port)).is_err());
    server.restart();
    assert_eq!(server.port(), port);
    assert!(server.request("$JS.API.STREAM.INFO.kept", "").contains("\"messages\":1"));
    assert!(!has(&server, "lost"));
}

#[test]
fn additional_settings_of_nats_take_effect() {
    let server = Nats::with("jetstream: false\nmax_payload: 4KB");
    let info = server.request("$JS.API.INFO", "");
    assert!(info.starts_with("NATS/1.0 503"), "{info}");
}

#[test]
fn cluster_elects_another_leader_when_the_leader_is_killed() {
    let cluster = Cluster::start();
    assert_eq!((cluster.nodes().len(), cluster.urls().len()), (3, 3));
    create(&cluster.nodes()[0], "events", "file", 3);
    let killed = cluster.kill_leader_of("events");
    let leader = cluster.leader_of("events");
    assert_ne!(leader.port(), killed.port());
    let stored = || leader.request("events.a", "hello").contains("\"seq\":").then_some(());
    assert!(within(LIMIT, stored).is_some());
    killed.restart();
    cluster.settle();
    assert!(has(killed, "events"));
}

#[test]
fn leaf_server_reaches_the_hub_except_while_the_link_is_cut() {
    let servers = Leaf::start();
    create(servers.hub(), "central", "memory", 1);
    let subject = format!("$JS.{}.API.STREAM.INFO.central", servers.hub_domain());
    let reaches = |yes: bool| {
        let found = || servers.leaf().request(&subject, "").contains("\"config\"");
        within(LIMIT, || (found() == yes).then_some(())).is_some()
    };
    assert!(reaches(true));
    assert!(!has(servers.leaf(), "central"));
    servers.cut();
    assert!(reaches(false));
    servers.restore();
    assert!(reaches(true));
}

#[test]
fn black_hole_holds_back_all_data_until_it_forwards_again() {
    let server = Nats::start();
    let hole = BlackHole::before(&server);
    hole.hold_back();
    let client = TcpStream::connect(("127.0.0.1", hole.port())).unwrap();
    let mut lines = BufReader::new(&client).lines();
    client.set_read_timeout(Some(Duration::from_millis(100))).unwrap();
    assert!(lines.next().unwrap().is_err());
    hole.pass();
    client.set_read_timeout(Some(LIMIT)).unwrap();
    assert!(lines.next().unwrap().unwrap().starts_with("INFO {"));
}
