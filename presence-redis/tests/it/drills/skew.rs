//! Processes whose clocks differ: all judge sessions by the store's time.

use super::{Process, eventually, policy, tab, user};
use crate::rig::{self, REDIS};
use presence_core::testing::SkewedClock;
use presence_core::{Beat, Presence};
use std::time::Duration;

#[tokio::test]
async fn two_processes_whose_clocks_differ_by_half_a_minute_see_the_same_users() {
    let name = rig::unique();
    let skew = Duration::from_secs(15);
    let process = |clock: SkewedClock| {
        let presence = Presence::builder(rig::on(&REDIS, &name)).policy(policy()).clock(clock);
        Process::of(presence.start().unwrap())
    };
    let processes = [process(SkewedClock::behind(skew)), process(SkewedClock::ahead(skew))];
    for process in &processes {
        process.presence.ready().await;
    }
    // Each process has one user who keeps sending heartbeats, and one who stops.
    for (n, process) in processes.iter().enumerate() {
        process.presence.beat(Beat::enter(user(&format!("silent-{n}")), tab("t"))).await.unwrap();
    }
    for _ in 0..16 {
        for (n, process) in processes.iter().enumerate() {
            process.presence.beat(Beat::renew(user(&format!("stays-{n}")), tab("t"))).await.unwrap();
        }
        tokio::time::sleep(policy().lease_for / 4).await;
    }
    let expected = vec![("silent-0".to_owned(), 1), ("silent-1".to_owned(), 1)];
    for process in &processes {
        eventually("who fell silent is gone, who beats is not", || process.online() == 2).await;
        assert_eq!(process.left().into_iter().collect::<Vec<_>>(), expected);
        for n in 0..2 {
            assert!(process.is_online(&format!("stays-{n}")));
        }
    }
}
