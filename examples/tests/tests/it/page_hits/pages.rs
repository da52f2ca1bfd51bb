//! A visitor is on one page: the last one they hit.

use super::{Shared, TTL, hit, online, pages, rig};
use crate::rig::Rig;
use serde_json::json;

/// How long an unload waits before it shows, in seconds.
const GRACE: u64 = 5;

async fn assert_stays(rig: &Rig, page: &str) {
    for _ in 0..3 * GRACE {
        assert_eq!(pages(rig).await, json!([[page, 1]]));
        rig.advance(1).await;
    }
}

#[tokio::test]
async fn a_hit_counts_for_the_ttl() {
    let rig = rig().await;
    hit(&rig, "a", "/", "load").await;
    rig.advance(TTL.as_secs() - 1).await;
    hit(&rig, "a", "/", "beat").await;
    rig.advance(TTL.as_secs() - 1).await;
    assert_eq!(online(&rig).await["online_total"], 1);
    rig.advance(1).await;
    let now = online(&rig).await;
    assert_eq!((&now["online_total"], &now["top_pages"]), (&json!(0), &json!([])));
}

#[tokio::test]
async fn a_visitor_is_on_the_page_of_the_last_load_or_beat() {
    let rig = rig().await;
    for (path, kind) in [("/", "load"), ("/x", "load"), ("/y", "beat"), ("/", "beat"), ("/x", "load")] {
        hit(&rig, "a", path, kind).await;
        assert_eq!(pages(&rig).await, json!([[path, 1]]));
        rig.advance(1).await;
    }
    assert_eq!(online(&rig).await["online_total"], 1);
}

#[tokio::test]
async fn an_unload_shows_after_a_short_grace() {
    let rig = rig().await;
    hit(&rig, "a", "/", "load").await;
    rig.advance(20).await;
    hit(&rig, "a", "/", "unload").await;
    rig.advance(GRACE - 1).await;
    assert_eq!(online(&rig).await["online_total"], 1);
    rig.advance(1).await;
    assert_eq!(online(&rig).await["online_total"], 0);
}

#[tokio::test]
async fn a_visitor_who_leaves_at_once_is_gone_after_the_grace() {
    let rig = rig().await;
    hit(&rig, "a", "/", "load").await;
    hit(&rig, "a", "/", "unload").await;
    rig.advance(GRACE).await;
    assert_eq!(online(&rig).await["online_total"], 0);
}

#[tokio::test]
async fn an_unload_of_another_page_is_ignored() {
    let rig = rig().await;
    hit(&rig, "a", "/", "load").await;
    hit(&rig, "a", "/x", "load").await;
    hit(&rig, "a", "/", "unload").await;
    hit(&rig, "a", "/never", "unload").await;
    hit(&rig, "nobody", "/", "unload").await;
    assert_stays(&rig, "/x").await;
}

#[tokio::test]
async fn a_beat_in_flight_when_its_page_is_unloaded_does_not_undo_the_leave() {
    let rig = rig().await;
    hit(&rig, "a", "/", "load").await;
    hit(&rig, "a", "/", "unload").await;
    rig.advance(1).await;
    hit(&rig, "a", "/", "beat").await;
    rig.advance(GRACE).await;
    assert_eq!(online(&rig).await["online_total"], 0);
}

#[tokio::test]
async fn a_beat_of_another_tab_counts_also_right_after_an_unload() {
    let rig = rig().await;
    hit(&rig, "a", "/x", "load").await;
    hit(&rig, "a", "/", "load").await;
    hit(&rig, "a", "/", "unload").await;
    rig.advance(1).await;
    hit(&rig, "a", "/x", "beat").await;
    assert_stays(&rig, "/x").await;
}

#[tokio::test]
async fn a_reload_shows_no_leave_in_whichever_order_its_hits_come() {
    for kinds in [["unload", "load"], ["load", "unload"]] {
        let rig = rig().await;
        hit(&rig, "a", "/", "load").await;
        rig.advance(20).await;
        for kind in kinds {
            hit(&rig, "a", "/", kind).await;
        }
        assert_stays(&rig, "/").await;
        // A page that is closed later stays closed.
        hit(&rig, "a", "/", "unload").await;
        rig.advance(GRACE).await;
        assert_eq!(online(&rig).await["online_total"], 0, "{kinds:?}");
    }
}

#[tokio::test]
async fn a_reload_is_over_when_the_visitor_moves_on() {
    let rig = rig().await;
    for (path, kind) in [("/", "load"), ("/", "load"), ("/x", "beat"), ("/x", "unload")] {
        hit(&rig, "a", path, kind).await;
    }
    rig.advance(GRACE).await;
    assert_eq!(online(&rig).await["online_total"], 0);
}

#[tokio::test]
async fn a_reload_is_over_when_its_page_was_left_and_beats_again() {
    let rig = rig().await;
    for kind in ["load", "load"] {
        hit(&rig, "a", "/", kind).await;
    }
    rig.advance(GRACE).await;
    hit(&rig, "a", "/", "unload").await;
    rig.advance(GRACE).await;
    for kind in ["beat", "unload"] {
        hit(&rig, "a", "/", kind).await;
    }
    rig.advance(GRACE).await;
    assert_eq!(online(&rig).await["online_total"], 0);
}

#[tokio::test]
async fn a_reload_whose_hits_come_to_two_processes_shows_no_leave() {
    for first in ["unload", "load"] {
        let shared = Shared::new();
        let (one, other) = (shared.process().await, shared.process().await);
        hit(&one, "a", "/", "load").await;
        one.advance(20).await;
        let second = if first == "load" { "unload" } else { "load" };
        hit(&one, "a", "/", first).await;
        hit(&other, "a", "/", second).await;
        for _ in 0..3 * GRACE {
            assert_eq!(
                (pages(&one).await, pages(&other).await),
                (json!([["/", 1]]), json!([["/", 1]])),
                "{first}"
            );
            one.advance(1).await;
        }
    }
}

#[tokio::test]
async fn all_processes_on_one_store_show_the_same() {
    let shared = Shared::new();
    let (one, other) = (shared.process().await, shared.process().await);
    hit(&one, "a", "/", "load").await;
    hit(&other, "b", "/", "load").await;
    hit(&other, "c", "/x", "load").await;
    one.advance(1).await;
    assert_eq!(pages(&one).await, json!([["/", 2], ["/x", 1]]));
    assert_eq!(online(&one).await, online(&other).await);
    hit(&one, "b", "/x", "beat").await;
    one.advance(1).await;
    assert_eq!(pages(&other).await, json!([["/x", 2], ["/", 1]]));
    assert_eq!(online(&one).await, online(&other).await);
}
