//! I1, S1, S2: which data must be separate, and which must be shared.

use super::Harness;
use super::scene::{Scene, node, topics, user};
use crate::model::{Session, SessionKey};
use crate::store::{ForgetIf, Misses};
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

/// Valid names that some encoding, pattern or separator could misinterpret.
#[rustfmt::skip] // One name per line would take four screens.
fn odd_names() -> BTreeSet<String> {
    let mut names: BTreeSet<String> = (' '..='~').map(String::from).collect();
    let more = [
        "..", "...", "a.b", "a.", ".a", "a..b", "a:b", "a::b", ":a", "a:", "{}", "{a}", "{a", "a}", "}{",
        "a*", "a.*", "a.>", "[a-z]", "?a", "a b", " a", "a ", "  ", "%", "%25", "%2F", "%20", "+", "a+b",
        "a/b", "/a", "a/", "//", "a\\b", "\\u0000", "\\n", "'a'", "\"a\"", "$a", "$KV.a", "$JS", "_", "__",
        "a_b", "-", "--", "=", "==", "a=", "YQ", "YQ==", "aa", "aaa", "ab", "abc", "A", "Aa", "null",
        "true", "false", "nil", "0", "00", "-0", "1", "01", "1.0", "1e3", "NaN", "~", "~a", "é",
        "e\u{301}", "É", "ß", "ss", "İ", "ﬀ", "ff", "日本", "日", "本", "🙂", "👩‍👩‍👧‍👦", "👩", "\u{200b}",
        "\u{200b}a", "\u{feff}", "\u{202e}a", "\u{a0}", "\u{2028}", "\u{fffd}", "\u{10ffff}", "\u{e000}",
    ];
    names.extend(more.map(String::from));
    for filler in ["x", ".", ":", "%", "é"] {
        // The longest name, and a slightly shorter one that is its prefix.
        names.insert(filler.repeat(256 / filler.len()));
        names.insert(filler.repeat(256 / filler.len() - 1));
    }
    names
}

/// I1: sessions of users and ids with any bytes are kept apart: in load, touch, watch and forget.
pub async fn i1_ids_of_any_bytes_are_kept_separate<H: Harness>(harness: &H) {
    let scene = Scene::of(harness).await;
    let names: Vec<String> = odd_names().into_iter().collect();
    let mut all: BTreeMap<SessionKey, Session> = BTreeMap::new();
    let pairs = names.iter().zip(names.iter().cycle().skip(7)).map(|(one, two)| (one.as_str(), two.as_str()));
    let many = names.iter().map(|name| ("a", name.as_str()));
    for ((owner, tab), n) in pairs.chain(many).zip(1..) {
        let mut session = scene.held("placeholder", n, "n");
        session.user = user(owner);
        session.id = super::scene::id(tab);
        session.placement.topics = topics(&[owner, tab]);
        all.insert(session.key(), session);
    }
    let mut reader = scene.follower().await;
    let batch: Vec<Session> = all.values().cloned().collect();
    scene.put(&batch).await;
    let touches: Vec<_> = batch.iter().zip(1_000..).map(|(session, n)| scene.touch(session, n, n)).collect();
    assert_eq!(scene.touched(&touches).await, Misses::new());
    for (session, n) in all.values_mut().zip(1_000..) {
        session.touch(scene.at(n), scene.at(n));
    }
    expect_exactly(&scene, &names, &all).await;
    reader.until("the watch distinguishes them", |reader| reader.view.sessions == all).await;

    // Forgets every second session; the others are not affected.
    let seen: Vec<_> = all.values().step_by(2).map(|session| scene.seen(session, 9_999, 9_999)).collect();
    scene.forget(&seen).await;
    let mut nth = 0..;
    all.retain(|_, _| nth.next().is_some_and(|n| n % 2 == 1));
    expect_exactly(&scene, &names, &all).await;
    reader.until("the watch delivers the forgotten sessions", |reader| reader.view.sessions == all).await;
    assert_eq!(scene.follower().await.view.sessions, all);
}

async fn expect_exactly<H: Harness>(
    scene: &Scene<'_, H>,
    names: &[String],
    all: &BTreeMap<SessionKey, Session>,
) {
    for name in names {
        let here: Vec<_> = all.values().filter(|session| session.user.as_str() == name).cloned().collect();
        assert_eq!(scene.load(&[name]).await.sessions, here, "{name:?}");
    }
}

/// I1: the boundary between user and session id is unambiguous.
pub async fn i1_user_and_session_ids_are_unambiguous<H: Harness>(harness: &H) {
    let scene = Scene::of(harness).await;
    let mut all = BTreeMap::new();
    for separator in [":", "/", ".", "|", "_", "-", ",", ";", "=", "~", " ", "\u{1f}", "\u{0}"] {
        // Control characters are not allowed in ids, but the pairs around them are tested.
        let separator = if separator.chars().any(char::is_control) { "" } else { separator };
        for (owner, tab) in [("a", format!("b{separator}c")), (&*format!("a{separator}b"), "c".to_owned())] {
            let mut session = scene.session("placeholder", all.len() as u64);
            session.user = user(owner);
            session.id = super::scene::id(&tab);
            all.insert(session.key(), session);
        }
    }
    let batch: Vec<_> = all.values().cloned().collect();
    scene.put(&batch).await;
    assert_eq!(scene.follower().await.view.sessions, all);
    let names: Vec<String> = all.keys().map(|key| key.user.to_string()).collect();
    expect_exactly(&scene, &names, &all).await;
}

/// I1: nodes of any name are kept apart.
pub async fn i1_nodes_of_any_name_are_kept_separate<H: Harness>(harness: &H) {
    let scene = Scene::of(harness).await;
    let names = odd_names();
    let beats: Vec<_> = names.iter().zip(1..).map(|(name, n)| scene.beat(name, n)).collect();
    scene.touched(&beats).await;
    let mut expected: BTreeMap<_, _> =
        names.iter().zip(1..).map(|(name, n)| (node(name), scene.at(n))).collect();
    let view_of = |reader: &super::Follower<'_, H>| -> BTreeMap<_, _> {
        reader.view.nodes.values().map(|node| (node.id.clone(), node.seen_at)).collect()
    };
    let mut reader = scene.follower().await;
    assert_eq!(view_of(&reader), expected);
    let gone: Vec<_> = expected.keys().step_by(2).cloned().collect();
    let seen: Vec<_> =
        gone.iter().map(|id| ForgetIf::Node { node: id.clone(), seen_at: scene.at(9_999) }).collect();
    scene.forget(&seen).await;
    expected.retain(|id, _| !gone.contains(id));
    reader.until("every second session is forgotten", |reader| view_of(reader) == expected).await;
}

/// I1: changes in one namespace neither show in another nor affect it, even if its name has the
/// same prefix.
pub async fn i1_namespaces_are_kept_separate<H: Harness>(harness: &H) {
    let mut readers = Vec::new();
    let mut expected = Vec::new();
    for (namespace, n) in ["", "a", "a-", "a-1", "ab"].into_iter().zip(1..) {
        let scene = Scene::in_namespace(harness, namespace).await;
        readers.push(scene.follower().await);
        let (shared, own) = (scene.held("shared", n, "n"), scene.session(&format!("own-{n}"), n));
        scene.put(&[shared.clone(), own.clone()]).await;
        scene.touched(&[scene.beat("n", n)]).await;
        expected.push((BTreeMap::from([(shared.key(), shared), (own.key(), own)]), scene.at(n)));
    }
    let scene = Scene::in_namespace(harness, "a").await;
    scene.forget(&[scene.seen(&scene.session("shared", 0), 99_999, 99_999)]).await;
    let foreign = scene.session("own-1", 0);
    assert_eq!(scene.touched(&[scene.touch(&foreign, 99_999, 99_999)]).await, [foreign.key()]);
    expected[1].0.retain(|key, _| key.user.as_str() != "shared");
    for (reader, (sessions, seen_at)) in readers.iter_mut().zip(expected) {
        reader.caught_up().await;
        assert_eq!(reader.view.sessions, sessions);
        assert_eq!(reader.view.nodes.values().map(|node| node.seen_at).collect::<Vec<_>>(), [seen_at]);
        let users: Vec<_> = sessions.keys().map(|key| key.user.clone()).collect();
        let loaded = reader.store.load(&users).await.expect("load");
        assert_eq!(loaded.sessions, sessions.into_values().collect::<Vec<_>>());
    }
}

/// S1: times are stored as given, whatever the store's own time is, and the store's time advances.
pub async fn s1_only_the_stores_own_clock_is_read<H: Harness>(harness: &H) {
    let scene = Scene::of(harness).await;
    let before = scene.other.now().await.expect("a store that works returns its time");
    let (mut past, mut future) = (scene.session("past", 0), scene.session("future", 0));
    let day = Duration::from_hours(24);
    for (session, at) in [(&mut past, scene.at(0) - day), (&mut future, scene.at(0) + day)] {
        (session.seen_at, session.active_at, session.placement.placed_at) = (at, at, at);
        session.placement.lease = Duration::from_hours(48);
    }
    scene.put(&[past.clone(), future.clone()]).await;
    scene.touched(&[scene.touch(&past, 0, 0)]).await;
    past.touch(scene.at(0), scene.at(0));
    assert_eq!(scene.load_one("past").await, Some(past));
    assert_eq!(scene.load_one("future").await, Some(future));
    harness.advance(Duration::from_millis(50)).await;
    assert!(scene.store.now().await.expect("a store that works returns its time") > before);
}

/// S2: handles opened before and after a write see the same state.
pub async fn s2_handles_share_the_state<H: Harness>(harness: &H) {
    let scene = Scene::of(harness).await;
    let session = scene.session("u", 10);
    scene.put_one(&session).await;
    let late = harness.open("").await;
    for store in [&scene.store, &scene.other, &late] {
        let loaded = store.load(&[user("u")]).await.expect("load");
        assert_eq!(loaded.sessions, std::slice::from_ref(&session));
    }
    assert_eq!(late.touch(&[scene.touch(&session, 20, 20)]).await.expect("touch"), Misses::new());
    assert_eq!(scene.load_one("u").await.map(|session| session.seen_at), Some(scene.at(20)));
}
