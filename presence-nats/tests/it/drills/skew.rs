//! The clocks of two processes differ, without effect: only the server's time counts.

use super::world::{Process, enter, policy, until, user};
use crate::rig::{self, NATS, unique};
use presence_core::testing::SkewedClock;
use presence_core::{Beat, Presence, SessionId};
use presence_nats::Storage;
use std::collections::BTreeSet;
use std::time::Duration;

#[tokio::test]
async fn two_processes_whose_clocks_differ_by_half_a_minute_agree() {
    let name = unique();
    let mut processes = Vec::new();
    let skew = Duration::from_secs(15);
    for clock in [SkewedClock::behind(skew), SkewedClock::ahead(skew)] {
        let store = rig::on(&NATS, &name, Storage::File);
        let presence = Presence::builder(store.clone()).policy(policy()).clock(clock);
        processes.push(Process::of(presence.start().unwrap(), store).await);
    }
    // Each process has a user who sends heartbeats and one who stops.
    for (n, process) in processes.iter().enumerate() {
        process.presence.beat(enter(&format!("silent-{n}"), "/start")).await.unwrap();
        process.presence.beat(enter(&format!("stays-{n}"), "/start")).await.unwrap();
    }
    let mut rounds = 0..16;
    until("who fell silent is gone", || {
        let beats = processes.iter().enumerate().map(|(n, process)| {
            let tab = SessionId::new("tab").unwrap();
            process.presence.beat(Beat::renew(user(&format!("stays-{n}")), tab))
        });
        let beats = futures_util::future::join_all(beats);
        let silent = (0..2).map(|n| user(&format!("silent-{n}"))).collect::<BTreeSet<_>>();
        // Continue for several leases, even if the condition holds earlier.
        let is_over = rounds.next().is_none();
        let saw =
            processes.iter().all(|process| process.saw_leave() == silent && process.online("/start") == 2);
        async move {
            beats.await;
            tokio::time::sleep(policy().lease_for / 4).await;
            is_over && saw
        }
    })
    .await;
    for process in &processes {
        assert_eq!(process.presence.everyone().counts().online, 2);
    }
    rig::lose(&NATS, &name);
}
