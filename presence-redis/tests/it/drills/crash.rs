//! A process is killed: the sessions that it held and those that sent heartbeats to it leave once,
//! and no others leave.

use super::{Crowd, Process, eventually, hold_all, names};
use crate::rig::{self, REDIS};
use futures_util::future::join_all;
use presence_core::{Policy, Presence};
use presence_redis::RedisStore;
use std::collections::BTreeMap;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

const URL: &str = "PRESENCE_TEST_CHILD_URL";
const NAMESPACE: &str = "PRESENCE_TEST_CHILD_NAMESPACE";

fn policy() -> Policy {
    super::policy().lease_for(Duration::from_secs(6))
}

/// The body of the process that is killed. It does nothing in a normal run of the tests, where the
/// two variables are not set.
#[tokio::test]
async fn child_process() {
    let (Ok(url), Ok(namespace)) = (std::env::var(URL), std::env::var(NAMESPACE)) else { return };
    let store = RedisStore::connect(&url, rig::options(&namespace)).unwrap();
    let presence = Presence::builder(store).policy(policy()).start().unwrap();
    let _holds = hold_all(&presence, &names("held", 5));
    let _crowd = Crowd::at(&presence, names("hit", 5));
    // The parent kills this process long before that.
    tokio::time::sleep(Duration::from_mins(2)).await;
}

struct Killed(Child);

impl Drop for Killed {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn start(namespace: &str) -> Killed {
    let mut command = Command::new(std::env::current_exe().unwrap());
    let command = command.args(["--exact", "drills::crash::child_process", "--nocapture"]);
    let command = command.env(URL, REDIS.url()).env(NAMESPACE, namespace);
    Killed(command.stdout(Stdio::null()).stderr(Stdio::null()).stdin(Stdio::null()).spawn().unwrap())
}

async fn round() {
    let namespace = rig::unique();
    let (one, two) = (
        Process::with(rig::on(&REDIS, &namespace), policy()).await,
        Process::with(rig::on(&REDIS, &namespace), policy()).await,
    );
    let _holds = hold_all(&one.presence, &names("stays-held", 5));
    let _crowd = Crowd::at(&two.presence, names("stays", 5));
    let child = start(&namespace);
    for process in [&one, &two] {
        eventually("all twenty are seen", || process.online() == 20).await;
    }
    drop(child);
    let once: BTreeMap<String, usize> =
        names("held", 5).into_iter().chain(names("hit", 5)).map(|name| (name, 1)).collect();
    for process in [&one, &two] {
        // Events arrive shortly after the counts change.
        let all_noted = || process.online() == 10 && process.left().len() == once.len();
        eventually("its ten have left", all_noted).await;
        assert_eq!(process.left(), once, "each of its own once, and nobody else");
    }
    // After another lease, nobody else has left.
    tokio::time::sleep(policy().lease_for).await;
    for process in [&one, &two] {
        assert_eq!((process.online(), process.left()), (10, once.clone()));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn when_twenty_processes_are_killed_only_their_own_sessions_leave_each_once() {
    for _ in 0..2 {
        join_all((0..10).map(|_| round())).await;
    }
}
