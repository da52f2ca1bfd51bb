//! Clocks of processes that differ: only the store's time counts.

use super::{Process, eventually, policy, tab, user};
use crate::rig::{self, REDIS};
use async_trait::async_trait;
use presence_core::{Beat, Clock, Presence, SystemClock, Timestamp};

/// A clock that is wrong by half a minute.
#[derive(Debug)]
struct Skewed(i64);

impl Skewed {
    fn shift(&self, at: Timestamp, sign: i64) -> Timestamp {
        Timestamp::from_millis(at.as_millis().saturating_add_signed(sign * self.0))
    }
}

#[async_trait]
impl Clock for Skewed {
    fn now(&self) -> Timestamp {
        self.shift(SystemClock.now(), 1)
    }

    async fn sleep_until(&self, at: Timestamp) {
        SystemClock.sleep_until(self.shift(at, -1)).await;
    }
}

#[tokio::test]
async fn two_processes_whose_clocks_differ_by_half_a_minute_agree() {
    let name = rig::unique();
    let process = |skew| {
        let presence = Presence::builder(rig::on(&REDIS, &name)).policy(policy()).clock(Skewed(skew));
        Process::of(presence.start().unwrap())
    };
    let processes = [process(-15_000), process(15_000)];
    for process in &processes {
        process.presence.ready().await;
    }
    // Each has people who stay, and one who falls silent.
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
