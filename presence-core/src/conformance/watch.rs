//! W1–W4: what a watch delivers and when, and what it may report.

use super::scene::{Scene, node};
use super::{Cannot, Follower, Harness};
use crate::model::Session;
use crate::store::{BATCH_ENTRIES, FeedEvent, ForgetIf};
use futures_util::future::join;
use std::slice;

/// W1: a watch starts with everything that each shard holds, and then reports it as synced.
pub async fn w1_watch_starts_with_everything<H: Harness>(harness: &H) {
    let scene = Scene::of(harness).await;
    let all: Vec<Session> = (0..1_100).map(|n| scene.session(&format!("user-{n}"), 10)).collect();
    for batch in all.chunks(BATCH_ENTRIES) {
        scene.put(batch).await;
    }
    scene.touched(&[scene.beat("n", 10)]).await;
    let mut reader = Follower::new(harness, &scene.other);
    let mut synced = 0;
    while synced < scene.other.shards() {
        let message = reader.next().await;
        if let Some(FeedEvent::Facts(facts)) = &message {
            assert!(facts.sessions.len() <= BATCH_ENTRIES, "a slice is a batch at most");
        }
        let Some(FeedEvent::Synced { shard, .. } | FeedEvent::Alive { shard, .. }) = message else {
            continue;
        };
        let here = all.iter().filter(|session| scene.other.shard_of(&session.user) == shard);
        let missing =
            here.filter(|session| reader.view.sessions.get(&session.key()) != Some(session)).count();
        assert_eq!(missing, 0, "shard {shard} was reported as synced too early");
        synced += u16::from(matches!(message, Some(FeedEvent::Synced { .. })));
    }
    assert_eq!(reader.view.sessions.len(), all.len());
    assert!(reader.view.nodes.contains_key("n"), "a node without sessions is delivered too");
}

/// W1: a watch of an empty store is synced.
pub async fn w1_watch_of_an_empty_store_is_synced<H: Harness>(harness: &H) {
    let scene = Scene::of(harness).await;
    let reader = scene.follower().await;
    assert_eq!(reader.view, super::Reference::default());
    assert_eq!(
        reader.epochs.keys().copied().collect::<Vec<_>>(),
        (0..scene.other.shards()).collect::<Vec<_>>()
    );
}

/// W2: a watch delivers puts, touches and forgets of another handle.
pub async fn w2_a_watch_delivers_every_kind_of_write_of_another_handle<H: Harness>(harness: &H) {
    let scene = Scene::of(harness).await;
    let mut reader = scene.follower().await;
    let mut session = scene.held("u", 10, "n");
    let key = session.key();
    scene.put_one(&session).await;
    reader.until("the put arrives", |reader| reader.view.sessions.get(&key) == Some(&session)).await;
    scene.touched(&[scene.touch(&session, 20, 15), scene.beat("n", 25)]).await;
    session.touch(scene.at(20), scene.at(15));
    reader.until("the touch arrives", |reader| reader.view.sessions.get(&key) == Some(&session)).await;
    let beat = scene.at(25);
    reader
        .until("the beat arrives", |reader| reader.view.nodes.get("n").is_some_and(|n| n.seen_at == beat))
        .await;
    let left = scene.departed(&session, 30);
    scene.put_one(&left).await;
    reader.until("the leave arrives", |reader| reader.view.sessions.get(&key) == Some(&left)).await;
    scene
        .forget(&[scene.seen(&left, 99, 99), ForgetIf::Node { node: node("n"), seen_at: scene.at(99) }])
        .await;
    reader.until("it is forgotten", |reader| reader.view == super::Reference::default()).await;
}

/// W2: a watch delivers the changes of another handle even if its own handle writes too.
pub async fn w2_two_handles_receive_each_others_writes<H: Harness>(harness: &H) {
    let scene = Scene::of(harness).await;
    let mut here = Follower::new(harness, &scene.store);
    let mut there = Follower::new(harness, &scene.other);
    here.synced().await;
    there.synced().await;
    let (mine, yours) = (scene.session("mine", 10), scene.session("yours", 10));
    scene.put_one(&mine).await;
    scene.other.put(slice::from_ref(&yours)).await.expect("put");
    here.until("here sees there", |reader| reader.view.sessions.get(&yours.key()) == Some(&yours)).await;
    there.until("there sees here", |reader| reader.view.sessions.get(&mine.key()) == Some(&mine)).await;
    scene.touched(&[scene.touch(&mine, 20, 20)]).await;
    scene.other.touch(&[scene.touch(&yours, 30, 30)]).await.expect("touch");
    let is_seen = |key, at| {
        move |reader: &Follower<'_, H>| {
            reader.view.sessions.get(&key).is_some_and(|s: &Session| s.seen_at == at)
        }
    };
    here.until("here sees there touch", is_seen(yours.key(), scene.at(30))).await;
    there.until("there sees here touch", is_seen(mine.key(), scene.at(20))).await;
}

/// W2: changes of one session by one handle arrive in order.
pub async fn w2_changes_of_a_session_arrive_in_order<H: Harness>(harness: &H) {
    let scene = Scene::of(harness).await;
    let mut reader = scene.follower().await;
    let mut last = scene.session("u", 0);
    for round in 0..40 {
        last = scene.session("u", round * 10);
        scene.put_one(&last).await;
        if round % 2 == 0 {
            scene.forget(&[scene.seen(&last, round * 10, round * 10)]).await;
        }
    }
    reader.caught_up().await;
    assert_eq!(reader.view.sessions.into_values().collect::<Vec<_>>(), [last]);
}

/// W2: a watch loses no write that happens while it begins.
pub async fn w2_nothing_is_lost_while_a_watch_begins<H: Harness>(harness: &H) {
    let scene = Scene::of(harness).await;
    let all: Vec<Session> = (0..600).map(|n| scene.session(&format!("user-{n}"), 10)).collect();
    let (before, meanwhile) = all.split_at(400);
    scene.put(before).await;
    let mut reader = Follower::new(harness, &scene.other);
    let writes = async {
        for (written, old) in meanwhile.iter().zip(before) {
            scene.put_one(written).await;
            scene.touched(&[scene.touch(old, 20, 20)]).await;
        }
    };
    join(writes, reader.synced()).await;
    reader.caught_up().await;
    assert_eq!(reader.view.sessions.len(), all.len());
    let touched = before[..meanwhile.len()].iter().filter(|session| {
        reader.view.sessions.get(&session.key()).is_some_and(|known| known.seen_at == scene.at(20))
    });
    assert_eq!(touched.count(), meanwhile.len());
}

/// W2: a reader that did not read for long has missed nothing once it is up to date.
pub async fn w2_a_slow_reader_misses_nothing<H: Harness>(harness: &H) {
    let scene = Scene::of(harness).await;
    let mut reader = scene.follower().await;
    let all: Vec<Session> = (0..500).map(|n| scene.session(&format!("user-{n}"), 10)).collect();
    for (session, round) in all.iter().cycle().zip(0..4 * all.len() as u64) {
        let mut session = session.clone();
        session.touch(scene.at(round), scene.at(0));
        scene.put(&[session]).await;
    }
    reader.caught_up().await;
    assert_eq!(reader.view.sessions.len(), all.len());
    let least = scene.at(3 * all.len() as u64);
    assert!(reader.view.sessions.values().all(|session| session.seen_at >= least));
}

/// W3: a watch proves the store's time regularly, and never before everything written until then
/// has been delivered.
pub async fn w3_time_is_proven_after_earlier_writes_are_delivered<H: Harness>(harness: &H) {
    let scene = Scene::of(harness).await;
    let mut reader = scene.follower().await;
    for round in 0..3 {
        let written: Vec<Session> = (0..20).map(|n| scene.session(&format!("u{n}"), round + 1)).collect();
        scene.put(&written).await;
        let touches: Vec<_> = written.iter().map(|session| scene.touch(session, round + 100, 0)).collect();
        scene.touched(&touches).await;
        let now = scene.store.now().await.expect("a store that works returns its time");
        let mut waiting: Vec<u16> = (0..scene.other.shards()).collect();
        let mut turns = harness.patience().as_millis() / 250;
        while !waiting.is_empty() {
            let message = reader.next().await;
            turns = if message.is_none() { turns - 1 } else { turns };
            assert!(turns > 0, "shards {waiting:?} do not prove their time");
            let Some(FeedEvent::Alive { shard, at, .. }) = message else { continue };
            if at > now {
                waiting.retain(|waiting| *waiting != shard);
                let here = written.iter().filter(|session| scene.other.shard_of(&session.user) == shard);
                let is_delivered = |s: &&Session| {
                    reader
                        .view
                        .sessions
                        .get(&s.key())
                        .is_some_and(|known| known.seen_at == scene.at(round + 100))
                };
                assert_eq!(
                    here.clone().filter(is_delivered).count(),
                    here.count(),
                    "shard {shard} proved its time too early"
                );
            }
        }
    }
}

/// W4: a store that lost data has another epoch.
pub async fn w4_a_store_that_lost_data_shows_another_epoch<H: Harness>(harness: &H) {
    let scene = Scene::of(harness).await;
    scene.put(&[scene.session("u", 10)]).await;
    let mut reader = scene.follower().await;
    let before = reader.epochs.clone();
    if let Err(Cannot(why)) = harness.lose_all("").await {
        eprintln!("W4 is not tested: {why}");
        return;
    }
    let another = |reader: &Follower<'_, H>| {
        !reader.epochs.is_empty()
            && reader.epochs.iter().all(|(shard, epoch)| before.get(shard) != Some(epoch))
    };
    // The old feed ends by itself, and the next one shows the loss.
    reader.until("another epoch", |reader| another(reader) && reader.epochs.len() == before.len()).await;
    assert_eq!(reader.view.sessions.len(), 0);
    assert_eq!(scene.load_one("u").await, None);
    scene.put(&[scene.session("v", 10)]).await;
    reader.until("life goes on", |reader| reader.view.sessions.len() == 1).await;
}

/// W4: a store that has lost nothing has the same epoch for all handles, whatever is written.
pub async fn w4_an_epoch_does_not_change_without_a_loss<H: Harness>(harness: &H) {
    let scene = Scene::of(harness).await;
    let before = scene.follower().await.epochs;
    let session = scene.session("u", 10);
    scene.put_one(&session).await;
    assert_eq!(scene.follower().await.epochs, before);
    scene.forget(&[scene.seen(&session, 10, 10)]).await;
    assert_eq!(scene.follower().await.epochs, before);
    let mut reader = Follower::new(harness, &scene.store);
    reader.synced().await;
    assert_eq!(reader.epochs, before);
}
