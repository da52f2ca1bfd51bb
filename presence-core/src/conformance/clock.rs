//! W3, W5, W6: a shard's time is proven by writes, never goes back, and has blind stretches.

use super::scene::Scene;
use super::{Cannot, Follower, Harness};
use crate::time::{Blind, SILENCE, Timestamp};
use std::collections::BTreeMap;
use std::time::Duration;

/// A step of 45 s: as when an administrator corrects a clock.
const STEP: i64 = 45_000;
/// A step of an hour: as when daylight saving time is applied wrongly.
const HOUR: i64 = 3_600_000;

fn untested(clause: &str, why: Cannot) {
    eprintln!("{clause} is not tested: {}", why.0);
}

impl<H: Harness> Follower<'_, H> {
    /// Reads events for this many quarters of a second.
    async fn read_for(&mut self, quarters: u32) {
        let mut left = quarters;
        while left > 0 {
            if self.next().await.is_none() {
                left -= 1;
            }
        }
    }

    /// Reads until every shard has proven a later time than now; returns the times.
    async fn proven_on(&mut self) -> BTreeMap<u16, Timestamp> {
        self.synced().await;
        let (before, shards) = (self.proven.clone(), self.store.shards());
        let later =
            |reader: &Self, shard| reader.proven.get(&shard).is_some_and(|at| before.get(&shard) < Some(at));
        self.until("every shard proves its time", |reader| (0..shards).all(|shard| later(reader, shard)))
            .await;
        self.proven.clone()
    }

    /// The blind stretches of a shard after `from`.
    fn blind_after(&self, shard: u16, from: Timestamp) -> Vec<Blind> {
        let reported = self.blind.get(&shard).map(|blind| blind.to_vec()).unwrap_or_default();
        reported.into_iter().filter(|stretch| stretch.to > from).collect()
    }

    /// A loss of data leaves a blind stretch, however short it was.
    fn assert_loss_is_blind(&self, shard: u16, before: Timestamp) {
        let blind = self.blind_after(shard, before);
        assert!(!blind.is_empty(), "a loss of data since {before:?} leaves no stretch");
    }
}

/// W3: a store that answers but refuses writes proves no time, and the feed continues. When it
/// accepts writes again, the time advances, and the period without writes is blind.
pub async fn w3_a_refused_write_proves_no_time<H: Harness>(harness: &H) {
    let scene = Scene::of(harness).await;
    let session = scene.session("u", 10);
    scene.put_one(&session).await;
    let mut reader = scene.follower().await;
    reader.proven_on().await;
    let restarts = reader.restarts;
    if let Err(why) = harness.refuse_writes("").await {
        return untested("W3 of refused writes", why);
    }
    // Events in flight are delivered first.
    reader.read_for(4).await;
    let before = reader.proven.clone();
    assert!(scene.store.put(&[session]).await.is_err());
    assert!(scene.load_one("u").await.is_some(), "it answers");
    reader.read_for(24).await;
    assert_eq!(reader.proven, before, "a write that is refused proves nothing");
    assert_eq!(reader.restarts, restarts, "the feed goes on");
    harness.accept_writes("").await;
    let after = reader.proven_on().await;
    for (shard, at) in &after {
        let stretch = reader.blind_after(*shard, before[shard]);
        assert!(stretch.len() == 1 && stretch[0].length() > SILENCE && stretch[0].to <= *at, "{stretch:?}");
    }
}

/// W5: after a step of the server's clock, the time advances at the handles' pace, for old
/// and new handles.
pub async fn w5_time_advances_steadily_when_the_servers_clock_steps<H: Harness>(harness: &H) {
    for (namespace, step) in [("a", -STEP), ("b", -HOUR), ("c", STEP)] {
        let scene = Scene::in_namespace(harness, namespace).await;
        let mut reader = scene.follower().await;
        let before = reader.proven_on().await;
        if let Err(why) = harness.step_clock(namespace, step).await {
            return untested("W5 of steps of the clock", why);
        }
        reader.read_for(16).await;
        let mut newcomer = Follower::new(harness, &harness.open(namespace).await);
        let after = reader.proven_on().await;
        for (shard, at) in &after {
            let passed = at.since(before[shard]);
            assert!(
                passed >= Duration::from_secs(3) && passed < Duration::from_secs(40),
                "{step}: {passed:?}"
            );
        }
        if step < 0 {
            let new = newcomer.proven_on().await;
            let later = reader.proven_on().await;
            for (shard, at) in new {
                let second = Duration::from_secs(1);
                assert!(
                    at + second >= after[&shard] && later[&shard] + second >= at,
                    "{step}: they disagree"
                );
            }
        }
        harness.step_clock(namespace, -step).await.expect("what steps once steps twice");
    }
}

/// W5, W6: a failover to a server that lacks the last seconds, and whose clock is behind, does not
/// set the time back. The time until the loss is noticed is blind.
pub async fn w5_a_failover_that_loses_writes_does_not_set_time_back<H: Harness>(harness: &H) {
    let scene = Scene::of(harness).await;
    let mut reader = scene.follower().await;
    reader.proven_on().await;
    if let Err(why) = harness.stop_replication("").await {
        return untested("W5 of failovers", why);
    }
    reader.read_for(16).await;
    let before = reader.proven_on().await;
    harness.fail_over("").await.expect("a replica takes over");
    // If the clock cannot be set, it is not behind; everything else still holds.
    let steps = harness.step_clock("", -STEP).await.is_ok();
    let after = reader.proven_on().await;
    for (shard, at) in &after {
        assert!(*at > before[shard], "{at:?} after {:?}", before[shard]);
        reader.assert_loss_is_blind(*shard, before[shard]);
    }
    if steps {
        harness.step_clock("", STEP).await.expect("what steps once steps twice");
    }
}

/// W5, W6: after a total loss of data, a handle that knows the time restores it, and the period
/// between is blind.
pub async fn w5_a_loss_of_all_data_does_not_set_time_back<H: Harness>(harness: &H) {
    let scene = Scene::of(harness).await;
    let mut reader = scene.follower().await;
    let before = reader.proven_on().await;
    let epochs = reader.epochs.clone();
    if let Err(why) = harness.lose_all("").await {
        return untested("W5 of losses", why);
    }
    let anew = |reader: &Follower<'_, H>| {
        reader.epochs.len() == epochs.len()
            && reader.epochs.iter().all(|(shard, epoch)| epochs[shard] != *epoch)
    };
    reader.until("another epoch", anew).await;
    let after = reader.proven_on().await;
    let known = reader.blind.clone();
    for (shard, at) in &after {
        assert!(*at > before[shard]);
        reader.assert_loss_is_blind(*shard, before[shard]);
    }
    let mut newcomer = Follower::new(harness, &harness.open("").await);
    newcomer.proven_on().await;
    for shard in 0..scene.other.shards() {
        assert_eq!(newcomer.blind[&shard], known[&shard]);
    }
}

/// W6: a period of more than three seconds in which no handle asked is blind, equally
/// for all handles.
pub async fn w6_a_period_without_proofs_is_blind_for_all_handles<H: Harness>(harness: &H) {
    let scene = Scene::of(harness).await;
    for silent in [1_000, 5_000] {
        let mut reader = scene.follower().await;
        let before = reader.proven_on().await;
        drop(reader);
        harness.advance(Duration::from_millis(silent)).await;
        let mut old = Follower::new(harness, &scene.other);
        old.proven_on().await;
        let mut new = Follower::new(harness, &harness.open("").await);
        new.proven_on().await;
        old.proven_on().await;
        for (shard, last) in before {
            let blind = old.blind_after(shard, last);
            // On a busy machine the pause may have been longer. Then there is one blind stretch,
            // else none.
            assert!(blind.len() <= 1 && blind.iter().all(|stretch| stretch.length() > SILENCE), "{blind:?}");
            if silent > 3_000 {
                assert!(blind.len() == 1 && blind[0].from >= last, "{blind:?}");
            }
            assert_eq!(old.blind[&shard], new.blind[&shard], "an old handle and a new one");
        }
    }
}

/// W6: a handle that did not ask while another one did finds no blind stretch.
pub async fn w6_a_period_in_which_another_handle_proved_time_is_not_blind<H: Harness>(harness: &H) {
    let scene = Scene::of(harness).await;
    let mut connected = Follower::new(harness, &scene.store);
    connected.proven_on().await;
    let mut goes = scene.follower().await;
    let before = goes.proven_on().await;
    drop(goes);
    let (mut longest, mut proven) = (Duration::ZERO, connected.proven.clone());
    for _ in 0..24 {
        connected.read_for(1).await;
        for (shard, at) in &connected.proven {
            longest = longest.max(at.since(proven[shard]));
        }
        proven.clone_from(&connected.proven);
    }
    let mut back = Follower::new(harness, &scene.other);
    while back.proven.len() < usize::from(scene.other.shards()) {
        tokio::select! {
            _ = back.next() => {}
            _ = connected.next() => {}
        }
    }
    if longest < Duration::from_secs(2) {
        for (shard, last) in before {
            assert_eq!(back.blind_after(shard, last), []);
        }
    }
}
