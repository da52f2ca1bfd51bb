//! Redis is killed, hangs, restarts empty or fails over while users keep sending heartbeats: no
//! user leaves, and none appears that did not enter.

use super::{Crowd, Process, eventually, hold_all, names, policy};
use crate::rig;
use presence_core::Hold;
use presence_redis::RedisStore;
use std::time::Duration;
use test_servers::redis::{Cluster, Redis, Sentinel};
use tokio::task::block_in_place;

/// Two processes. Each has users who send heartbeats and users with a connection that it holds.
struct Setup {
    processes: Vec<Process>,
    crowds: Vec<Crowd>,
    holds: Vec<Hold>,
    people: usize,
}

impl Setup {
    async fn new(open: impl Fn() -> RedisStore) -> Self {
        let mut setup = Self { processes: Vec::new(), crowds: Vec::new(), holds: Vec::new(), people: 0 };
        for n in 0..2 {
            let process = Process::on(open()).await;
            let (beating, held) = (names(&format!("beats-{n}"), 20), names(&format!("held-{n}"), 20));
            setup.people += beating.len() + held.len();
            setup.holds.extend(hold_all(&process.presence, &held));
            setup.crowds.push(Crowd::at(&process.presence, beating));
            setup.processes.push(process);
        }
        setup.settle("everybody is seen everywhere").await;
        setup
    }

    /// Waits until every process sees every user, with a fresh view.
    async fn settle(&self, what: &str) {
        let all = |process: &Process| process.online() == self.people && !process.is_stale();
        eventually(what, || self.processes.iter().all(all)).await;
    }

    fn degraded(&self) -> usize {
        self.crowds.iter().map(Crowd::degraded).sum()
    }

    fn stored(&self) -> usize {
        self.crowds.iter().map(Crowd::stored).sum()
    }

    /// Checks that every user is still online after another three leases, and that none has left.
    async fn nobody_left(&self) {
        tokio::time::sleep(policy().lease_for * 3).await;
        self.settle("everybody is still seen").await;
        for process in &self.processes {
            assert!(process.left().is_empty(), "false leaves: {:?}", process.left());
        }
    }

    /// Lets three leases pass without a store. Heartbeats are answered as degraded, the view is
    /// stale, and it still shows every user.
    async fn endure(&self) {
        let before = self.degraded();
        eventually("it is said that the view is stale", || self.processes.iter().all(Process::is_stale))
            .await;
        tokio::time::sleep(policy().lease_for * 3).await;
        assert!(self.degraded() > before, "beats are answered, and say that the store does not have them");
        for process in &self.processes {
            assert_eq!(process.online(), self.people, "nobody is forgotten meanwhile");
        }
    }

    /// Waits until heartbeats are stored again and the view is fresh, without a restart of any
    /// process. Then checks that no user has left.
    async fn recover(&self) {
        let back = tokio::time::Instant::now();
        self.settle("every process has caught up").await;
        let before = self.stored();
        eventually("beats are stored again", || self.stored() > before).await;
        eprintln!("recovered {} ms after the store was back", back.elapsed().as_millis());
        self.nobody_left().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_leaves_when_redis_is_killed_and_restarts_with_its_data() {
    let server = Redis::with(&[("appendonly", "yes"), ("appendfsync", "always")]);
    let name = rig::unique();
    let setup = Setup::new(|| rig::on(&server, &name)).await;
    block_in_place(|| server.kill());
    setup.endure().await;
    block_in_place(|| server.restart());
    setup.recover().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_leaves_when_redis_is_killed_and_later_restarts_empty() {
    let server = Redis::start();
    let name = rig::unique();
    let setup = Setup::new(|| rig::on(&server, &name)).await;
    block_in_place(|| server.kill());
    setup.endure().await;
    block_in_place(|| server.restart());
    setup.recover().await;
    // The processes have written all sessions again: a process that starts now sees every user.
    let newcomer = Process::on(rig::on(&server, &name)).await;
    eventually("a newcomer sees everybody", || newcomer.online() == setup.people).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_leaves_when_redis_restarts_empty_at_once() {
    let server = Redis::start();
    let name = rig::unique();
    let setup = Setup::new(|| rig::on(&server, &name)).await;
    block_in_place(|| {
        server.kill();
        server.restart();
    });
    setup.recover().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_leaves_when_redis_is_flushed() {
    let server = Redis::start();
    let name = rig::unique();
    let setup = Setup::new(|| rig::on(&server, &name)).await;
    assert_eq!(block_in_place(|| server.command(&["FLUSHALL"])), "OK");
    setup.recover().await;
    let newcomer = Process::on(rig::on(&server, &name)).await;
    eventually("a newcomer sees everybody", || newcomer.online() == setup.people).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_leaves_when_redis_hangs_and_resumes() {
    let server = Redis::start();
    let name = rig::unique();
    let setup = Setup::new(|| rig::on(&server, &name)).await;
    server.pause();
    setup.endure().await;
    server.resume();
    setup.recover().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_leaves_when_the_network_to_redis_loses_every_packet() {
    let server = Redis::start();
    let proxy = test_servers::Proxy::to(server.port());
    let name = rig::unique();
    let url = format!("redis://127.0.0.1:{}", proxy.port());
    let setup = Setup::new(|| RedisStore::connect(&url, rig::options(&name)).unwrap()).await;
    proxy.hold_back();
    setup.endure().await;
    proxy.pass();
    setup.recover().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_leaves_when_sentinels_replace_a_killed_master() {
    let sentinel = Sentinel::start();
    let name = rig::unique();
    let setup = Setup::new(|| rig::through_sentinel(&sentinel, &name)).await;
    block_in_place(|| sentinel.fail_over());
    setup.recover().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_leaves_when_a_replica_takes_over_from_a_killed_cluster_master() {
    let cluster = Cluster::start(3, 1);
    let name = rig::unique();
    let setup = Setup::new(|| rig::on_cluster(&cluster, &name)).await;
    block_in_place(|| {
        cluster.kill_master_of(0);
        cluster.master_of(0);
    });
    setup.recover().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_leaves_when_a_cluster_master_without_a_replica_is_killed_and_restarted() {
    let cluster = Cluster::start(3, 0);
    let name = rig::unique();
    let setup = Setup::new(|| rig::on_cluster(&cluster, &name)).await;
    let killed = block_in_place(|| cluster.kill_master_of(0));
    let (before, degraded) = (setup.stored(), setup.degraded());
    setup.endure().await;
    // By default, a cluster with slots that no master serves refuses all calls.
    eventually("beats are degraded", || setup.degraded() > degraded).await;
    eprintln!("{} beats were stored meanwhile", setup.stored() - before);
    block_in_place(|| killed.restart());
    setup.recover().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_process_that_starts_without_redis_accepts_heartbeats_and_stores_them_later() {
    let server = Redis::start();
    block_in_place(|| server.kill());
    let name = rig::unique();
    let presence =
        presence_core::Presence::builder(rig::on(&server, &name)).policy(policy()).start().unwrap();
    let process = Process::of(presence);
    let crowd = Crowd::at(&process.presence, names("early", 10));
    eventually("beats are answered", || crowd.degraded() > 0).await;
    assert!(process.is_stale());
    block_in_place(|| server.restart());
    eventually("beats are stored", || crowd.stored() > 0 && !process.is_stale()).await;
    tokio::time::sleep(Duration::from_secs(2)).await;
    assert_eq!(process.online(), crowd.names.len());
    assert!(process.left().is_empty(), "{:?}", process.left());
}
