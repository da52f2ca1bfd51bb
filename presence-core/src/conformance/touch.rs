//! N1, N2, T1, T2: `touch` of sessions and nodes.

use super::Harness;
use super::scene::{Scene, node};
use crate::Timestamp;
use crate::model::{Node, Session, Status};
use crate::store::{Misses, Touch};
use std::slice;
use std::time::Duration;

/// N1: the first touch of a node creates it, and later ones move it forward only.
pub async fn n1_a_node_is_created_and_moves_forward_only<H: Harness>(harness: &H) {
    let scene = Scene::of(harness).await;
    scene.put(&[scene.held("u", 10, "n")]).await;
    assert_eq!(scene.load(&["u"]).await.nodes, []);
    let mut seen = Vec::new();
    for millis in [20, 40, 30] {
        assert_eq!(scene.touched(&[scene.beat("n", millis)]).await, Misses::new());
        seen.extend(scene.load(&["u"]).await.nodes.first().map(|node| node.seen_at));
    }
    assert_eq!(seen, [scene.at(20), scene.at(40), scene.at(40)]);
}

/// N1: a draining node stores its drain time; its last heartbeat is kept.
pub async fn n1_the_last_heartbeat_of_a_node_carries_its_drain_time<H: Harness>(harness: &H) {
    let scene = Scene::of(harness).await;
    let mut reader = scene.follower().await;
    scene.put(&[scene.held("u", 10, "n")]).await;
    let drain_for = Some(Duration::from_millis(12_345));
    let last = Touch::Node { node: node("n"), seen_at: scene.at(50), drain_for };
    let drained = Node { id: node("n"), seen_at: scene.at(50), drain_for };
    scene.touched(&[scene.beat("n", 50)]).await;
    scene.touched(&[last]).await;
    scene.touched(&[scene.beat("n", 50), scene.beat("n", 40)]).await;
    assert_eq!(scene.load(&["u"]).await.nodes, slice::from_ref(&drained));
    reader.until("the drain arrives", |reader| reader.view.nodes.get(&drained.id) == Some(&drained)).await;
    reader.caught_up().await;
    assert_eq!(reader.view.nodes.get(&drained.id), Some(&drained));
}

/// N2: `load` and the start of a watch deliver the nodes of held sessions, `load` each
/// of them once.
pub async fn n2_facts_carry_the_nodes_of_held_sessions<H: Harness>(harness: &H) {
    let scene = Scene::of(harness).await;
    let held = [scene.held("a", 10, "one"), scene.held("b", 10, "one"), scene.held("c", 10, "two")];
    scene.put(&held).await;
    scene.put(&[scene.session("d", 10), scene.held("e", 10, "unknown")]).await;
    scene.touched(&[scene.beat("one", 20), scene.beat("two", 30), scene.beat("idle", 40)]).await;
    let known = |name: &str, millis| Node { id: node(name), seen_at: scene.at(millis), drain_for: None };
    let mut nodes = scene.load(&["a", "b", "c", "d", "e"]).await.nodes;
    nodes.retain(|node| node.id.as_str() != "idle");
    nodes.sort_unstable();
    assert_eq!(nodes, [known("one", 20), known("two", 30)]);
    let reader = scene.follower().await;
    let nodes: Vec<_> = reader.view.nodes.into_values().collect();
    assert_eq!(nodes, [known("idle", 40), known("one", 20), known("two", 30)]);
}

/// T1: each time moves independently, and forward only.
pub async fn t1_touch_moves_times_forward_only<H: Harness>(harness: &H) {
    let scene = Scene::of(harness).await;
    let session = scene.session("u", 100);
    scene.put_one(&session).await;
    let mut times = Vec::new();
    for (seen, active) in [(200, 50), (150, 170), (50, 50), (300, 300), (299, 301)] {
        assert_eq!(scene.touched(&[scene.touch(&session, seen, active)]).await, Misses::new());
        let stored = scene.load_one("u").await.expect("it was put");
        assert_eq!((&stored.placement, &stored.declared), (&session.placement, &session.declared));
        times.push((stored.seen_at, stored.active_at));
    }
    let expected = [(200, 100), (200, 170), (200, 170), (300, 300), (300, 301)];
    assert_eq!(times, expected.map(|(seen, active)| (scene.at(seen), scene.at(active))));
}

/// T1: the heartbeats of a session that had only declared a status, the first included.
pub async fn t1_a_session_that_only_declared_is_touched<H: Harness>(harness: &H) {
    let scene = Scene::of(harness).await;
    let mut reader = scene.follower().await;
    let declared = Some(scene.declared(Status::Busy, "meeting", 10));
    let never = Timestamp::ZERO;
    let session = Session { declared, seen_at: never, active_at: never, ..scene.session("u", 10) };
    scene.put_one(&session).await;
    assert_eq!(scene.load_one("u").await.as_ref(), Some(&session));
    for (seen, active) in [(20, 15), (40, 30), (30, 20)] {
        assert_eq!(scene.touched(&[scene.touch(&session, seen, active)]).await, Misses::new());
        let times = scene.load_one("u").await.map(|stored| (stored.seen_at, stored.active_at));
        let latest = if seen == 20 { (20, 15) } else { (40, 30) };
        assert_eq!(times, Some((scene.at(latest.0), scene.at(latest.1))));
    }
    let touched = Session { seen_at: scene.at(40), active_at: scene.at(30), ..session };
    reader
        .until("the touches arrive", |reader| reader.view.sessions.get(&touched.key()) == Some(&touched))
        .await;
    // A later status keeps the times.
    let again = Session {
        declared: Some(scene.declared(Status::Away, "lunch", 50)),
        seen_at: never,
        active_at: never,
        ..touched.clone()
    };
    scene.put_one(&again).await;
    let stored = scene.load_one("u").await;
    assert_eq!(stored, Some(Session { declared: again.declared, ..touched }));
}

/// T2: touch returns the sessions that the store lacks, and creates none of them.
pub async fn t2_touch_returns_missing_sessions_and_creates_none<H: Harness>(harness: &H) {
    let scene = Scene::of(harness).await;
    let mut reader = scene.follower().await;
    let (known, lacking) = (scene.session("known", 10), scene.session("lacking", 10));
    let sibling = scene.session("known/sibling", 10);
    scene.put_one(&known).await;
    let touches = [&lacking, &known, &sibling].map(|session| scene.touch(session, 20, 20));
    assert_eq!(scene.touched(&touches).await, sorted([&lacking, &sibling]));
    assert_eq!(scene.load(&["lacking"]).await.sessions, []);
    assert_eq!(scene.load_one("known").await.map(|session| session.seen_at), Some(scene.at(20)));
    reader.caught_up().await;
    assert_eq!(reader.view.sessions.keys().collect::<Vec<_>>(), [&known.key()]);
}

/// T2: touch returns the sessions that have departed, and moves their times nevertheless.
pub async fn t2_touch_returns_departed_sessions<H: Harness>(harness: &H) {
    let scene = Scene::of(harness).await;
    let mut reader = scene.follower().await;
    let here = scene.session("u", 10);
    let departed = scene.departed(&here, 20);
    scene.put_one(&departed).await;
    assert_eq!(scene.touched(&[scene.touch(&here, 30, 25)]).await, [here.key()]);
    let moved = Session { seen_at: scene.at(30), active_at: scene.at(25), ..departed };
    assert_eq!(scene.load_one("u").await.as_ref(), Some(&moved));
    reader.until("the touch arrives", |reader| reader.view.sessions.get(&moved.key()) == Some(&moved)).await;
}

fn sorted<const N: usize>(sessions: [&Session; N]) -> Misses {
    let mut keys: Misses = sessions.iter().map(|session| session.key()).collect();
    keys.sort_unstable();
    keys
}
