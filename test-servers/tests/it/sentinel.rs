use std::time::Duration;

use test_servers::{redis::Sentinel, within};

#[test]
fn sentinels_report_the_replica_as_master_when_the_master_is_killed() {
    let sentinel = Sentinel::start();
    assert_eq!((sentinel.urls().len(), sentinel.service()), (3, "presence"));
    let old = sentinel.master();
    assert_eq!(old.command(&["SET", "key", "1"]), "OK");
    let arrived = || sentinel.servers()[1].command(&["GET", "key"]) == "1";
    assert!(within(Duration::from_secs(30), || arrived().then_some(())).is_some());

    sentinel.fail_over();
    let new = sentinel.master();
    assert_ne!(new.port(), old.port());
    assert_eq!(new.command(&["GET", "key"]), "1");
    assert_eq!(new.command(&["SET", "key", "2"]), "OK");
}
