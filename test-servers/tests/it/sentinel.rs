use test_servers::redis::Sentinel;

#[test]
fn sentinels_name_the_replica_after_the_master_was_killed() {
    let sentinel = Sentinel::start();
    assert_eq!((sentinel.urls().len(), sentinel.service()), (3, "presence"));
    let old = sentinel.master();
    assert_eq!(old.command(&["SET", "key", "1"]), "OK");
    assert_eq!(old.command(&["WAIT", "1", "0"]), "1");

    sentinel.fail_over();
    let new = sentinel.master();
    assert_ne!(new.port(), old.port());
    assert_eq!(new.command(&["GET", "key"]), "1");
    assert_eq!(new.command(&["SET", "key", "2"]), "OK");
}
