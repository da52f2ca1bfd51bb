//! Redis is killed, hangs, comes back empty or fails over while people go on: nobody is lost, and
//! nobody is invented.

use super::{Crowd, Process, eventually, hold_all, names, policy};
use crate::rig;
use presence_core::Hold;
use presence_redis::RedisStore;
use std::time::Duration;
use test_servers::redis::{Cluster, Redis, Sentinel};
use tokio::task::block_in_place;

/// Two processes, at each of which some beat and some are connected.
struct Town {
    processes: Vec<Process>,
    crowds: Vec<Crowd>,
    holds: Vec<Hold>,
    people: usize,
}

impl Town {
    async fn new(open: impl Fn() -> RedisStore) -> Self {
        let mut town = Self { processes: Vec::new(), crowds: Vec::new(), holds: Vec::new(), people: 0 };
        for n in 0..2 {
            let process = Process::on(open()).await;
            let (beating, held) = (names(&format!("beats-{n}"), 20), names(&format!("held-{n}"), 20));
            town.people += beating.len() + held.len();
            town.holds.extend(hold_all(&process.presence, &held));
            town.crowds.push(Crowd::at(&process.presence, beating));
            town.processes.push(process);
        }
        town.settle("everybody is seen everywhere").await;
        town
    }

    /// Waits until every process sees everybody, and knows it.
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

    /// Everybody is still there after another three leases, and nobody has ever left.
    async fn nobody_left(&self) {
        tokio::time::sleep(policy().lease_for * 3).await;
        self.settle("everybody is still seen").await;
        for process in &self.processes {
            assert!(process.left().is_empty(), "false leaves: {:?}", process.left());
        }
    }

    /// Three leases without a store, during which hits are answered as degraded and what is shown
    /// says how old it is.
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

    /// The store is back: beats are stored again, and the view is fresh. Nobody restarts anything.
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
async fn redis_killed_and_back_with_what_it_had() {
    let server = Redis::with(&[("appendonly", "yes"), ("appendfsync", "always")]);
    let name = rig::unique();
    let town = Town::new(|| rig::on(&server, &name)).await;
    block_in_place(|| server.kill());
    town.endure().await;
    block_in_place(|| server.restart());
    town.recover().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn redis_killed_and_back_empty() {
    let server = Redis::start();
    let name = rig::unique();
    let town = Town::new(|| rig::on(&server, &name)).await;
    block_in_place(|| server.kill());
    town.endure().await;
    block_in_place(|| server.restart());
    town.recover().await;
    // Those of before are in the new store as well: a process that starts now sees everybody.
    let newcomer = Process::on(rig::on(&server, &name)).await;
    eventually("a newcomer sees everybody", || newcomer.online() == town.people).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn redis_restarted_empty_at_once() {
    let server = Redis::start();
    let name = rig::unique();
    let town = Town::new(|| rig::on(&server, &name)).await;
    block_in_place(|| {
        server.kill();
        server.restart();
    });
    town.recover().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn redis_flushed_under_everybody() {
    let server = Redis::start();
    let name = rig::unique();
    let town = Town::new(|| rig::on(&server, &name)).await;
    assert_eq!(block_in_place(|| server.command(&["FLUSHALL"])), "OK");
    town.recover().await;
    let newcomer = Process::on(rig::on(&server, &name)).await;
    eventually("a newcomer sees everybody", || newcomer.online() == town.people).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn redis_hangs_and_goes_on() {
    let server = Redis::start();
    let name = rig::unique();
    let town = Town::new(|| rig::on(&server, &name)).await;
    server.pause();
    town.endure().await;
    server.resume();
    town.recover().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn redis_behind_a_network_that_swallows_everything() {
    let server = Redis::start();
    let proxy = test_servers::Proxy::to(server.port());
    let name = rig::unique();
    let url = format!("redis://127.0.0.1:{}", proxy.port());
    let town = Town::new(|| RedisStore::connect(&url, rig::options(&name)).unwrap()).await;
    proxy.swallow();
    town.endure().await;
    proxy.pass();
    town.recover().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_master_is_killed_under_sentinel() {
    let sentinel = Sentinel::start();
    let name = rig::unique();
    let town = Town::new(|| rig::through_sentinel(&sentinel, &name)).await;
    block_in_place(|| sentinel.fail_over());
    town.recover().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_master_of_a_cluster_is_killed_and_its_replica_takes_over() {
    let cluster = Cluster::start(3, 1);
    let name = rig::unique();
    let town = Town::new(|| rig::on_cluster(&cluster, &name)).await;
    block_in_place(|| {
        cluster.kill_master_of(0);
        cluster.master_of(0);
    });
    town.recover().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_master_of_a_cluster_is_gone_for_good_and_the_other_shards_go_on() {
    let cluster = Cluster::start(3, 0);
    let name = rig::unique();
    let town = Town::new(|| rig::on_cluster(&cluster, &name)).await;
    let killed = block_in_place(|| cluster.kill_master_of(0));
    let (before, degraded) = (town.stored(), town.degraded());
    town.endure().await;
    // By default a cluster that lacks slots serves none at all.
    eventually("beats are degraded", || town.degraded() > degraded).await;
    eprintln!("{} beats were stored meanwhile", town.stored() - before);
    block_in_place(|| killed.restart());
    town.recover().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_process_that_starts_without_redis_takes_beats_and_catches_up() {
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
