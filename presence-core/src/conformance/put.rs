//! P1–P4: `put`.

use super::Harness;
use super::scene::{Scene, node, topics, user};
use crate::model::{Membership, Meta, Session, Status, Topic, Topics};
use crate::store::{BATCH_ENTRIES, Misses};
use std::time::Duration;

/// P1: the newest placement, the newest declaration and the latest times win, each independently.
pub async fn p1_put_merges_each_part<H: Harness>(harness: &H) {
    let scene = Scene::of(harness).await;
    let mut placed = scene.session("u", 10);
    placed.placement.topics = topics(&["new"]);
    placed.placement.placed_at = scene.at(30);
    placed.declared = Some(scene.declared(Status::Busy, "old", 10));
    let mut declared = scene.session("u", 20);
    declared.declared = Some(scene.declared(Status::Away, "new", 20));
    let mut seen = scene.session("u", 15);
    (seen.seen_at, seen.active_at) = (scene.at(50), scene.at(5));
    for state in [&placed, &declared, &seen] {
        scene.put_one(state).await;
    }
    let stored = scene.load_one("u").await;
    let (seen_at, active_at) = (scene.at(50), scene.at(20));
    let merged =
        Session { placement: placed.placement, declared: declared.declared, seen_at, active_at, ..seen };
    assert_eq!(stored, Some(merged));
}

/// P1: every field of a session is loaded as it was put.
pub async fn p1_every_field_is_loaded_as_it_was_put<H: Harness>(harness: &H) {
    let scene = Scene::of(harness).await;
    let mut session = scene.held("u", 1_000, "host~00ff");
    let stay = |name: &str, until| Membership { topic: Topic::new(name).expect("a valid topic"), until };
    let memberships = vec![stay("/a b?c=d&e={}", None), stay("é:*.>", Some(scene.at(9_000)))];
    session.placement.topics = Topics::of(memberships).expect("two topics");
    let meta = serde_json::json!({ "n": 1.5, "big": 9_007_199_254_740_991_i64, "s": "\"\\\u{0}\n☃", "a": [[], {}, null, true] });
    session.placement.meta = Some(Meta::new(meta).expect("a small object"));
    session.placement.lease = Duration::from_millis(86_400_001);
    session.declared = Some(scene.declared(Status::Busy, "two\nlines\tand ☃", 1_001));
    session.declared.iter_mut().for_each(|declared| declared.until = Some(scene.at(77_777)));
    (session.seen_at, session.active_at) = (scene.at(3_003), scene.at(2_002));
    scene.put_one(&session).await;
    assert_eq!(scene.load_one("u").await, Some(session));

    let mut bare = scene.session("bare", 0);
    bare.placement.topics = Topics::NONE;
    (bare.seen_at, bare.active_at) = (crate::Timestamp::ZERO, crate::Timestamp::ZERO);
    bare.placement.lease = crate::Policy::MAX_LEASE;
    scene.put_one(&bare).await;
    assert_eq!(scene.load_one("bare").await, Some(bare));
}

/// P1: a late put does not set back a newer touch.
pub async fn p1_an_old_put_after_a_newer_touch_keeps_the_touch<H: Harness>(harness: &H) {
    let scene = Scene::of(harness).await;
    let old = scene.session("u", 10);
    scene.put_one(&old).await;
    assert_eq!(scene.touched(&[scene.touch(&old, 500, 400)]).await, Misses::new());
    scene.put_one(&old).await;
    let stored = scene.load_one("u").await.map(|session| (session.seen_at, session.active_at));
    assert_eq!(stored, Some((scene.at(500), scene.at(400))));
}

/// P1: two puts with the same time lead to the same state in either order.
pub async fn p1_two_puts_with_the_same_time_converge_in_any_order<H: Harness>(harness: &H) {
    let scene = Scene::of(harness).await;
    let pair = |name: &str| {
        let (mut one, mut two) = (scene.session(name, 10), scene.session(name, 10));
        one.placement.topics = topics(&["one"]);
        two.placement.topics = topics(&["two"]);
        one.declared = Some(scene.declared(Status::Away, "two", 10));
        two.declared = Some(scene.declared(Status::Away, "one", 10));
        [one, two]
    };
    // Decided by the encoded bytes of placement and declaration.
    let ([one, two], [three, four]) = (pair("forth"), pair("back"));
    for state in [one.clone(), two.clone(), four, three] {
        scene.put(&[state]).await;
    }
    let mut merged = one;
    merged.merge(&two);
    assert_eq!(scene.load_one("forth").await.as_ref(), Some(&merged));
    merged.user = user("back");
    assert_eq!(scene.load_one("back").await.as_ref(), Some(&merged));

    // Decided by the node, whatever else differs.
    let ([mut one, two], [mut three, four]) = (pair("to"), pair("fro"));
    one.placement.node = node("z");
    three.placement.node = node("z");
    for state in [one, two, four, three] {
        scene.put(&[state]).await;
    }
    for name in ["to", "fro"] {
        assert_eq!(scene.load_one(name).await.map(|session| session.placement.node), Some(node("z")));
    }
}

/// P1: a leave ends the placement that it has seen, even if the times are equal.
pub async fn p1_a_leave_wins_against_the_placement_that_it_has_seen<H: Harness>(harness: &H) {
    let scene = Scene::of(harness).await;
    let (first, second) = (scene.session("first", 10), scene.session("second", 10));
    for here in [first, second] {
        let mut departed = scene.departed(&here, 20);
        // Even a greater node does not make the placement win.
        departed.placement.node = node("a");
        let [one, two] = if here.user.as_str() == "first" { [&here, &departed] } else { [&departed, &here] };
        scene.put_one(one).await;
        scene.put_one(two).await;
        assert_eq!(scene.load_one(here.user.as_str()).await, Some(departed));
    }
}

/// P1: a leave of an older placement does not end a newer one.
pub async fn p1_a_leave_of_an_older_placement_ends_nothing<H: Harness>(harness: &H) {
    let scene = Scene::of(harness).await;
    let (older, newer) = (scene.session("u", 10), scene.session("u", 11));
    scene.put_one(&older).await;
    scene.put_one(&newer).await;
    scene.put(&[scene.departed(&older, 900)]).await;
    assert_eq!(scene.load_one("u").await, Some(newer));
}

/// P2: repeating a put changes nothing.
pub async fn p2_a_put_may_be_repeated<H: Harness>(harness: &H) {
    let scene = Scene::of(harness).await;
    let batch = [scene.session("a", 10), scene.held("b", 10, "n"), scene.session("a/2", 20)];
    scene.put(&batch).await;
    let once = scene.load(&["a", "b"]).await;
    scene.put(&batch).await;
    assert_eq!(scene.load(&["a", "b"]).await, once);
}

/// P2: puts lead to the same state in any order.
pub async fn p2_puts_may_arrive_in_any_order<H: Harness>(harness: &H) {
    let scene = Scene::of(harness).await;
    let states = |name: &str| {
        let mut first = scene.session(name, 10);
        first.declared = Some(scene.declared(Status::Busy, "first", 40));
        let mut second = scene.session(name, 20);
        second.placement.topics = topics(&["second", "lobby"]);
        second.declared = Some(scene.declared(Status::Away, "second", 15));
        let mut third = scene.departed(&second, 30);
        third.active_at = scene.at(5);
        [first, second, third]
    };
    let orders = [[0, 1, 2], [0, 2, 1], [1, 0, 2], [1, 2, 0], [2, 0, 1], [2, 1, 0]];
    for (n, order) in orders.into_iter().enumerate() {
        let name = format!("u{n}");
        let states = states(&name);
        for index in order {
            scene.put(&[states[index].clone()]).await;
        }
        let [mut merged, second, third] = states;
        merged.merge(&second);
        merged.merge(&third);
        assert_eq!(scene.load_one(&name).await, Some(merged), "{order:?}");
    }
}

/// P2: a put and a touch of a known session commute, whether or not it has left.
pub async fn p2_put_and_touch_commute<H: Harness>(harness: &H) {
    let scene = Scene::of(harness).await;
    for leaves in [false, true] {
        let mut ends = Vec::new();
        for touches_first in [false, true] {
            let name = format!("u-{leaves}-{touches_first}");
            let known = scene.session(&name, 10);
            let mut later = if leaves { scene.departed(&known, 20) } else { scene.session(&name, 20) };
            later.active_at = scene.at(25);
            scene.put_one(&known).await;
            let touch = scene.touch(&known, 30, 5);
            if touches_first {
                scene.touched(&[touch]).await;
                scene.put(&[later]).await;
            } else {
                scene.put(&[later]).await;
                scene.touched(&[touch]).await;
            }
            let end = scene.load_one(&name).await;
            ends.push(end.map(|session| (session.placement, session.seen_at, session.active_at)));
        }
        assert_eq!(ends[0], ends[1], "leaves: {leaves}");
        assert_eq!(ends[0].as_ref().map(|end| (end.1, end.2)), Some((scene.at(30), scene.at(25))));
    }
}

/// P3: a batch may contain a session several times; all entries count.
pub async fn p3_a_batch_may_repeat_a_session<H: Harness>(harness: &H) {
    let scene = Scene::of(harness).await;
    let (mut one, mut two) = (scene.session("u", 10), scene.session("u", 20));
    one.declared = Some(scene.declared(Status::Busy, "one", 10));
    two.seen_at = scene.at(5);
    scene.put(&[one.clone(), two.clone(), one.clone()]).await;
    let mut merged = one;
    merged.merge(&two);
    assert_eq!(scene.load_one("u").await.as_ref(), Some(&merged));
    let touches = [scene.touch(&merged, 30, 10), scene.touch(&merged, 50, 40), scene.touch(&merged, 40, 50)];
    assert_eq!(scene.touched(&touches).await, Misses::new());
    let stored = scene.load_one("u").await.map(|session| (session.seen_at, session.active_at));
    assert_eq!(stored, Some((scene.at(50), scene.at(50))));
}

/// P3: a batch may exceed the core's own limits: 1,200 sessions in more than 1 MiB are
/// stored and delivered.
pub async fn p3_a_batch_may_exceed_a_mebibyte<H: Harness>(harness: &H) {
    let scene = Scene::of(harness).await;
    let mut reader = scene.follower().await;
    let padding = Meta::new(serde_json::json!({ "padding": "x".repeat(1_000) })).expect("under 1 KiB");
    let names: Vec<String> = (0..1_200).map(|n| format!("user-{n:04}")).collect();
    let batch: Vec<Session> = names
        .iter()
        .map(|name| {
            let mut session = scene.session(name, 10);
            session.placement.meta = Some(padding.clone());
            session
        })
        .collect();
    assert!(batch.len() > 2 * BATCH_ENTRIES);
    scene.put(&batch).await;
    let touches: Vec<_> = batch.iter().map(|session| scene.touch(session, 20, 15)).collect();
    assert_eq!(scene.touched(&touches).await, Misses::new());
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let stored = scene.load(&names).await.sessions;
    assert!(stored.iter().map(|session| &session.user).eq(batch.iter().map(|session| &session.user)));
    assert!(stored.iter().all(|session| session.seen_at == scene.at(20)));
    let arrived =
        |view: &super::Reference| view.sessions.values().filter(|s| s.seen_at == scene.at(20)).count();
    reader.until("all 1,200 arrive", |reader| arrived(&reader.view) == batch.len()).await;
    let seen: Vec<_> = batch.iter().map(|session| scene.seen(session, 20, 10)).collect();
    scene.forget(&seen).await;
    reader.until("all 1,200 are forgotten", |reader| reader.view.sessions.is_empty()).await;
}

/// P4: a user belongs to one shard, below `shards`, for every handle.
pub async fn p4_a_user_is_always_in_the_same_shard<H: Harness>(harness: &H) {
    let scene = Scene::of(harness).await;
    assert!(scene.store.shards() > 0);
    assert_eq!(scene.store.shards(), scene.other.shards());
    for n in 0..200 {
        let user = user(&format!("u{n}"));
        let shard = scene.store.shard_of(&user);
        assert!(shard < scene.store.shards());
        assert_eq!((scene.store.shard_of(&user), scene.other.shard_of(&user)), (shard, shard));
    }
}
