//! F1: what `forget` removes, and what it keeps.

use super::Harness;
use super::scene::{Scene, node};
use crate::store::{ForgetIf, Misses};

/// F1: a session not seen since is removed, for every process.
pub async fn f1_forget_removes_sessions_that_were_not_seen_since<H: Harness>(harness: &H) {
    let scene = Scene::of(harness).await;
    let (gone, departed, memberships) =
        (scene.session("u/gone", 10), scene.session("u/left", 10), scene.session("u/stays", 10));
    scene.put(&[gone.clone(), scene.departed(&departed, 15), memberships.clone()]).await;
    let mut reader = scene.follower().await;
    scene.forget(&[scene.seen(&gone, 10, 10), scene.seen(&departed, 20, 20)]).await;
    assert_eq!(scene.load_one("u").await.as_ref(), Some(&memberships));
    reader
        .until("only the third is left", |reader| reader.view.sessions.keys().eq([&memberships.key()]))
        .await;
    assert_eq!(scene.follower().await.view.sessions.into_values().collect::<Vec<_>>(), [memberships]);
}

/// F1: a session seen or placed later than the caller knows is kept.
pub async fn f1_forget_keeps_sessions_that_were_seen_since<H: Harness>(harness: &H) {
    let scene = Scene::of(harness).await;
    let (seen, placed) = (scene.session("u/seen", 10), scene.session("u/placed", 10));
    scene.put(&[seen.clone(), placed.clone()]).await;
    scene.touched(&[scene.touch(&seen, 30, 10)]).await;
    let mut again = placed.clone();
    again.placement.placed_at = scene.at(30);
    scene.put(&[again]).await;
    let mut reader = scene.follower().await;
    let before = scene.load(&["u"]).await;
    scene.forget(&[scene.seen(&seen, 29, 90), scene.seen(&placed, 90, 29)]).await;
    assert_eq!(scene.load(&["u"]).await, before);
    reader.caught_up().await;
    assert_eq!(reader.view.sessions.into_values().collect::<Vec<_>>(), before.sessions);
}

/// F1: for a held session, *seen* includes its node; for one that is not held, it does not.
pub async fn f1_heartbeats_of_a_node_count_for_its_held_sessions<H: Harness>(harness: &H) {
    let scene = Scene::of(harness).await;
    let (held, free) = (scene.held("u/held", 10, "n"), scene.session("u/free", 10));
    let orphan = scene.held("u/orphan", 10, "never-beat");
    scene.put(&[held.clone(), free.clone(), orphan.clone()]).await;
    scene.touched(&[scene.beat("n", 50)]).await;
    let of = |seen| [&held, &free, &orphan].map(|session| scene.seen(session, seen, 10));
    scene.forget(&of(49)).await;
    assert_eq!(scene.load_one("u").await.as_ref(), Some(&held));
    scene.forget(&of(50)).await;
    assert_eq!(scene.load_one("u").await, None);
}

/// F1: a session that has left is forgotten although its node is alive.
pub async fn f1_heartbeats_of_a_node_do_not_count_for_sessions_that_left<H: Harness>(harness: &H) {
    let scene = Scene::of(harness).await;
    let here = scene.held("u", 10, "n");
    scene.put_one(&scene.departed(&here, 20)).await;
    scene.touched(&[scene.beat("n", 99_000)]).await;
    scene.forget(&[scene.seen(&here, 20, 20)]).await;
    assert_eq!(scene.load_one("u").await, None);
}

/// F1: a node is forgotten by the same rule, and created again by its next heartbeat.
pub async fn f1_a_forgotten_node_is_created_again_by_its_next_heartbeat<H: Harness>(harness: &H) {
    let scene = Scene::of(harness).await;
    scene.put(&[scene.held("u", 10, "n")]).await;
    scene.touched(&[scene.beat("n", 20)]).await;
    let mut reader = scene.follower().await;
    let of = |millis| [ForgetIf::Node { node: node("n"), seen_at: scene.at(millis) }];
    scene.forget(&of(19)).await;
    assert_eq!(scene.load(&["u"]).await.nodes.len(), 1);
    scene.forget(&of(20)).await;
    assert_eq!(scene.load(&["u"]).await.nodes, []);
    reader.until("the node is forgotten", |reader| reader.view.nodes.is_empty()).await;
    scene.touched(&[scene.beat("n", 30)]).await;
    assert_eq!(scene.load(&["u"]).await.nodes.first().map(|node| node.seen_at), Some(scene.at(30)));
    let back = |seen_at| {
        move |reader: &super::Follower<'_, H>| {
            reader.view.nodes.get("n").is_some_and(|n| n.seen_at == seen_at)
        }
    };
    reader.until("the node is back", back(scene.at(30))).await;
}

/// F1: forgetting a record twice, or an unknown one, changes nothing.
pub async fn f1_forgetting_unknown_records_changes_nothing<H: Harness>(harness: &H) {
    let scene = Scene::of(harness).await;
    let (gone, memberships) = (scene.session("u/gone", 10), scene.session("u/stays", 10));
    scene.put(&[gone.clone(), memberships.clone()]).await;
    let seen = [
        scene.seen(&gone, 10, 10),
        scene.seen(&gone, 10, 10),
        scene.seen(&scene.session("nobody", 0), 99, 99),
        ForgetIf::Node { node: node("none"), seen_at: scene.at(99) },
    ];
    scene.forget(&seen).await;
    scene.forget(&seen).await;
    assert_eq!(scene.load_one("u").await, Some(memberships));
}

/// F1, T2: a session forgotten too early misses its next touch, is put, and is visible
/// to others again.
pub async fn f1_a_forgotten_session_misses_its_touch_and_returns_with_a_put<H: Harness>(harness: &H) {
    let scene = Scene::of(harness).await;
    let session = scene.session("u", 10);
    scene.put_one(&session).await;
    let mut reader = scene.follower().await;
    scene.forget(&[scene.seen(&session, 10, 10)]).await;
    let mut beaten = session.clone();
    beaten.touch(scene.at(20), scene.at(20));
    assert_eq!(scene.touched(&[scene.touch(&session, 20, 20)]).await, [session.key()]);
    assert_eq!(scene.load_one("u").await, None);
    scene.put_one(&beaten).await;
    assert_eq!(scene.touched(&[scene.touch(&session, 20, 20)]).await, Misses::new());
    let key = session.key();
    reader.until("it is visible elsewhere", |reader| reader.view.sessions.get(&key) == Some(&beaten)).await;
    reader.caught_up().await;
    assert_eq!(reader.view.sessions.get(&key), Some(&beaten));
}
