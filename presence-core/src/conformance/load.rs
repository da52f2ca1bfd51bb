//! L1: what `load` returns.

use super::Harness;
use super::scene::Scene;
use crate::model::MAX_SESSIONS_PER_USER;

/// L1: users in request order, the sessions of each sorted by id; nothing for unknown users.
pub async fn l1_load_returns_users_in_request_order<H: Harness>(harness: &H) {
    let scene = Scene::of(harness).await;
    let names = ["b/10", "b/2", "b/B", "b/é", "b/a", "a/1", "c/1"];
    let batch = names.map(|name| scene.session(name, 10));
    scene.put(&batch).await;
    let loaded = scene.load(&["c", "unknown", "b", "a"]).await.sessions;
    let loaded: Vec<_> = loaded.iter().map(|s| format!("{}/{}", s.user, s.id)).collect();
    assert_eq!(loaded, ["c/1", "b/10", "b/2", "b/B", "b/a", "b/é", "a/1"]);
    assert_eq!(scene.load(&[]).await, crate::store::Facts::default());
}

/// L1: a user with the most sessions possible is returned completely.
pub async fn l1_a_user_with_many_sessions_is_loaded_completely<H: Harness>(harness: &H) {
    let scene = Scene::of(harness).await;
    let batch: Vec<_> =
        (0..MAX_SESSIONS_PER_USER).map(|n| scene.session(&format!("u/{n:03}"), n as u64)).collect();
    scene.put(&batch).await;
    assert_eq!(scene.load(&["u"]).await.sessions, batch);
}
