//! U1–U3: user records, which are kept after sessions are forgotten.

use super::scene::{Scene, id, user};
use super::{Follower, Harness};
use crate::model::{Block, UserRecord};
use crate::store::{BATCH_ENTRIES, Facts, ForgetIf};
use std::collections::BTreeMap;

impl<H: Harness> Scene<'_, H> {
    /// The record of a user who was last seen at `millis`.
    fn seen_at(&self, name: &str, millis: u64) -> UserRecord {
        UserRecord { seen_at: self.at(millis), ..UserRecord::new(user(name)) }
    }

    fn erased(&self, name: &str, millis: u64) -> UserRecord {
        UserRecord { erased_at: Some(self.at(millis)), ..UserRecord::new(user(name)) }
    }

    fn blocked(&self, name: &str, at: u64, until: u64, session: Option<&str>) -> UserRecord {
        let block = Block { at: self.at(at), until: self.at(until), session: session.map(id) };
        UserRecord { block: Some(block), ..UserRecord::new(user(name)) }
    }

    async fn remember(&self, users: &[UserRecord]) {
        self.store.remember(users).await.expect("remember");
    }

    /// The record of a user, as the other handle loads it.
    async fn record(&self, name: &str) -> Option<UserRecord> {
        let mut users = self.load(&[name]).await.users;
        assert!(users.len() <= 1, "a user has one record: {users:#?}");
        users.pop()
    }
}

/// U1: the parts of a record are merged separately, also within one batch.
pub async fn u1_the_parts_of_a_record_are_merged_separately<H: Harness>(harness: &H) {
    let scene = Scene::of(harness).await;
    let block = scene.blocked("u", 20, 90, Some("tab"));
    scene.remember(&[scene.seen_at("u", 30), block.clone()]).await;
    let both = UserRecord { block: block.block.clone(), ..scene.seen_at("u", 30) };
    assert_eq!(scene.record("u").await.as_ref(), Some(&both));
    scene.remember(&[scene.seen_at("u", 10), scene.blocked("u", 10, 999, None)]).await;
    assert_eq!(scene.record("u").await.as_ref(), Some(&both));
    let lifted = scene.blocked("u", 40, 40, None);
    scene.remember(&[scene.seen_at("u", 50), lifted.clone()]).await;
    let later = UserRecord { block: lifted.block, ..scene.seen_at("u", 50) };
    assert_eq!(scene.record("u").await, Some(later));
}

/// U1: records of one user lead to the same state in any order and with any repetition, also if
/// times are equal.
pub async fn u1_records_may_arrive_in_any_order<H: Harness>(harness: &H) {
    let scene = Scene::of(harness).await;
    let of = |name: &str| {
        [
            scene.seen_at(name, 30),
            scene.blocked(name, 20, 60, None),
            scene.blocked(name, 20, 60, Some("a")),
            scene.blocked(name, 20, 60, Some("b")),
            scene.blocked(name, 20, 50, Some("z")),
            scene.erased(name, 25),
            scene.seen_at(name, 26),
        ]
    };
    let mut expected = UserRecord::new(user("x"));
    for record in of("x") {
        expected.merge(&record);
    }
    for turn in 0..of("x").len() {
        let name = format!("u{turn}");
        let mut records = of(&name);
        records.rotate_left(turn);
        for record in &records {
            scene.remember(std::slice::from_ref(record)).await;
        }
        records.reverse();
        scene.remember(&records).await;
        let expected = UserRecord { user: user(&name), ..expected.clone() };
        assert_eq!(scene.record(&name).await, Some(expected), "from {turn}");
    }
}

/// U1: an erasure clears last-seen times up to its time, also if they arrive later. It clears
/// neither later times nor a block.
pub async fn u1_an_erasure_clears_earlier_last_seen_times<H: Harness>(harness: &H) {
    let scene = Scene::of(harness).await;
    let block = scene.blocked("u", 10, 900, None);
    scene.remember(&[scene.seen_at("u", 30), block.clone()]).await;
    scene.remember(&[scene.erased("u", 30)]).await;
    let erased = UserRecord { block: block.block, ..scene.erased("u", 30) };
    assert_eq!(scene.record("u").await.as_ref(), Some(&erased));
    scene.remember(&[scene.seen_at("u", 20)]).await;
    assert_eq!(scene.record("u").await.as_ref(), Some(&erased));
    scene.remember(&[scene.seen_at("u", 31)]).await;
    assert_eq!(scene.record("u").await.map(|record| record.seen_at), Some(scene.at(31)));
}

/// U2: a watch delivers remembered records, and a new watch delivers all of them before it is
/// synced; `load` returns them in request order.
pub async fn u2_watch_and_load_deliver_records<H: Harness>(harness: &H) {
    let scene = Scene::of(harness).await;
    let mut reader = scene.follower().await;
    let session = scene.session("c/1", 10);
    scene.put_one(&session).await;
    let records =
        [scene.seen_at("b", 10), scene.blocked("a", 10, 900, Some("tab")), scene.erased("é *>.", 10)];
    scene.remember(&records).await;
    let all: BTreeMap<_, _> = records.iter().map(|record| (record.user.clone(), record.clone())).collect();
    reader.until("the watch delivers records", |reader| reader.view.users == all).await;
    assert_eq!(scene.follower().await.view.users, all);
    let Facts { sessions, users, .. } = scene.load(&["b", "c", "nobody", "é *>.", "b", "a"]).await;
    assert_eq!(sessions, [session]);
    assert_eq!(users, [&records[0], &records[2], &records[1]].map(Clone::clone));
}

/// U2: more records than one batch holds are delivered, in batches.
pub async fn u2_many_records_are_all_delivered<H: Harness>(harness: &H) {
    let scene = Scene::of(harness).await;
    let records: Vec<_> = (0..=2 * BATCH_ENTRIES).map(|n| scene.seen_at(&format!("u{n}"), 10)).collect();
    scene.remember(&records).await;
    let mut reader = Follower::new(harness, &scene.other);
    reader.synced().await;
    assert_eq!(reader.view.users.len(), records.len());
}

/// U3: a record is dropped unless it contains more than the caller knows; the user's
/// sessions are kept.
pub async fn u3_forget_drops_a_record_that_contains_no_more<H: Harness>(harness: &H) {
    let scene = Scene::of(harness).await;
    let session = scene.session("u", 10);
    scene.put_one(&session).await;
    let known = scene.seen_at("u", 20);
    let more = UserRecord { block: scene.blocked("u", 30, 90, None).block, ..known.clone() };
    scene.remember(std::slice::from_ref(&more)).await;
    let mut reader = scene.follower().await;
    scene.forget(&[ForgetIf::User(known), ForgetIf::User(scene.seen_at("nobody", 99))]).await;
    assert_eq!(scene.record("u").await.as_ref(), Some(&more));
    scene.forget(&[ForgetIf::User(more.clone())]).await;
    assert_eq!(scene.record("u").await, None);
    assert_eq!(scene.load_one("u").await.as_ref(), Some(&session));
    reader.until("the record is gone", |reader| reader.view.users.is_empty()).await;
    assert_eq!(scene.follower().await.view.users, BTreeMap::new());
    // A record that is remembered again exists again, and is kept when the session is forgotten.
    scene.remember(std::slice::from_ref(&more)).await;
    scene.forget(&[scene.seen(&session, 10, 10)]).await;
    assert_eq!(scene.record("u").await, Some(more));
}
