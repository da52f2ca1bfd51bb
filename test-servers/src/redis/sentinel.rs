use std::time::Duration;

use super::{Redis, redis_server};
use crate::{
    patience::{PATIENCE, wait_until, within},
    program,
};

const SERVICE: &str = "presence";

/// A master, a replica and three sentinels that watch them. The sentinels need a second to detect
/// that the master is down, and a few more to agree on a failover.
#[derive(Debug)]
pub struct Sentinel {
    servers: Vec<Redis>,
    sentinels: Vec<Redis>,
}

impl Sentinel {
    /// Starts all five servers. Returns when the replica is in sync, and when every sentinel knows
    /// the replica and the other sentinels.
    ///
    /// # Panics
    /// If the servers cannot be started, with the reason.
    pub fn start() -> Self {
        Self::of(|settings| Redis::run(&redis_server(), settings))
    }

    /// Starts all five servers, with clocks of master and replica that can be
    /// [set](Redis::set_clock). Linux only.
    ///
    /// # Panics
    /// As [`Sentinel::start`].
    pub fn with_clocks() -> Self {
        Self::of(|settings| Redis::run_with_clock(&redis_server(), settings))
    }

    fn of(server: impl Fn(&[(&str, &str)]) -> Redis) -> Self {
        let master = server(&[("repl-diskless-sync-delay", "0")]);
        let port = master.port().to_string();
        let replica =
            server(&[("repl-diskless-sync-delay", "0"), ("replicaof", &format!("127.0.0.1 {port}"))]);
        // A sentinel that finds no replica at first looks for one again only 10 s later.
        wait_until("the replica is in sync", || {
            replica.command(&["INFO", "replication"]).contains("master_link_status:up")
        });
        let monitor = format!("monitor {SERVICE} 127.0.0.1 {port} 2");
        let program = program::find("redis-sentinel", "redis");
        let sentinel = |_| {
            Redis::run(
                &program,
                &[
                    ("sentinel", &monitor),
                    ("sentinel", &format!("down-after-milliseconds {SERVICE} 1000")),
                    ("sentinel", &format!("failover-timeout {SERVICE} 3000")),
                ],
            )
        };
        let started = Self { servers: vec![master, replica], sentinels: (0..3).map(sentinel).collect() };
        for sentinel in &started.sentinels {
            wait_until("the sentinels know of all", || {
                let known = sentinel.command(&["SENTINEL", "MASTER", SERVICE]);
                known.contains("\nnum-slaves\n1\n") && known.contains("\nnum-other-sentinels\n2\n")
            });
        }
        started
    }

    /// The addresses of the sentinels.
    pub fn urls(&self) -> Vec<String> {
        self.sentinels.iter().map(Redis::url).collect()
    }

    /// The name by which the sentinels know the master.
    pub fn service(&self) -> &'static str {
        SERVICE
    }

    /// The original master and replica.
    pub fn servers(&self) -> &[Redis] {
        &self.servers
    }

    /// The server that a sentinel reports as the master, even if that server is down.
    ///
    /// # Panics
    /// If no sentinel answers.
    pub fn master(&self) -> &Redis {
        let named = within(PATIENCE, || self.sentinels.iter().find_map(|sentinel| self.named_by(sentinel)));
        named.expect("no sentinel names a master")
    }

    /// Kills the master. Waits until every sentinel reports the other server as the master, and
    /// until that server accepts writes. If the killed server is restarted, it is a master as well
    /// until the sentinels make it a replica, 10 s later.
    ///
    /// # Panics
    /// If the sentinels do not agree within 30 s.
    pub fn fail_over(&self) {
        let old = self.master();
        old.kill();
        wait_until("the sentinels name another master", || {
            self.sentinels.iter().all(|sentinel| {
                self.named_by(sentinel).is_some_and(|named| {
                    named.port() != old.port() && named.command(&["ROLE"]).starts_with("master")
                })
            })
        });
    }

    fn named_by(&self, sentinel: &Redis) -> Option<&Redis> {
        let address =
            sentinel.ask(Duration::from_secs(1), &["SENTINEL", "GET-MASTER-ADDR-BY-NAME", SERVICE]).ok()?;
        self.servers.iter().find(|server| address == format!("127.0.0.1\n{}", server.port()))
    }
}
