//! A server that answers and refuses writes: nobody can beat, and nobody leaves.

use super::{Crowd, Process, eventually, names};
use crate::rig;
use presence_core::Policy;
use presence_core::handle::StoreHealth;
use std::time::Duration;
use test_servers::redis::Redis;

/// For longer than a lease; what is shown meanwhile is looked at all the time.
const REFUSED_FOR: Duration = Duration::from_secs(12);

#[tokio::test]
async fn a_server_that_refuses_writes_makes_nobody_leave() {
    let server = Redis::with(&[]);
    let name = rig::unique();
    let policy = || Policy { lease_for: Duration::from_secs(8), ..super::policy() };
    let one = Process::with(rig::on(&server, &name), policy()).await;
    let other = Process::with(rig::on(&server, &name), policy()).await;
    let crowd = Crowd::at(&one.presence, names("u", 10));
    for (setting, refuses, accepts) in [("maxmemory", "1", "0"), ("min-replicas-to-write", "3", "0")] {
        eventually("everybody is seen", || other.online() == crowd.names.len() && !other.is_stale()).await;
        assert_eq!(server.command(&["CONFIG", "SET", setting, refuses]), "OK");
        eventually("what cannot be promised is stale", || other.is_stale() && one.is_stale()).await;
        let until = tokio::time::Instant::now() + REFUSED_FOR;
        while tokio::time::Instant::now() < until {
            assert_eq!((one.online(), other.online()), (10, 10), "{setting}");
            assert!(other.is_stale() && one.is_stale(), "{setting}");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        let StoreHealth::Down { error, .. } = one.presence.health().store else { panic!("{setting}") };
        assert!(error.contains("refuses writes"), "{error}");
        assert_eq!(server.command(&["CONFIG", "SET", setting, accepts]), "OK");
        while other.is_stale() {
            assert_eq!(other.online(), 10, "{setting}");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        assert_eq!((one.online(), other.online()), (10, 10), "the first fresh frame is right");
        eventually("the store is up again", || one.presence.health().store == StoreHealth::Up).await;
    }
    assert!(crowd.stored() > 0 && crowd.degraded() > 0, "they did beat, and were refused");
    assert!(one.left().is_empty() && other.left().is_empty());
    // Who falls silent lapses as ever.
    drop(crowd);
    eventually("the silent are gone", || other.online() == 0).await;
}
