//! Several processes on one Redis.

use super::{Process, meanwhile, server};
use serde_json::json;
use test_servers::redis::Redis;

#[tokio::test]
async fn all_show_the_same_totals() {
    let redis = server().await;
    let (one, other) = (Process::on(&redis).await, Process::on(&redis).await);
    one.hit("a", "/", "load").await;
    other.hit("b", "/", "load").await;
    other.hit("c", "/x", "load").await;
    one.hit("c", "/y", "beat").await;
    one.hit("d", "/", "load").await;
    other.hit("d", "/", "unload").await;
    for process in [&one, &other, &Process::on(&redis).await] {
        process.shows(json!([["/", 2], ["/y", 1]])).await;
        assert_eq!(process.online().await["online_total"], 3);
    }
}

#[tokio::test]
async fn an_unload_may_come_to_another_process_right_after_its_load() {
    let redis = server().await;
    let (one, other) = (Process::on(&redis).await, Process::on(&redis).await);
    for n in 0..20 {
        let visitor = format!("{n}");
        one.hit(&visitor, "/", "load").await;
        other.hit(&visitor, "/", "unload").await;
        one.hit(&visitor, "/x", "load").await;
        other.hit(&visitor, "/x", "unload").await;
    }
    for process in [&one, &other] {
        process.shows(json!([])).await;
    }
}

#[tokio::test]
async fn a_reload_shows_no_leave_in_whichever_order_its_hits_come() {
    let redis = server().await;
    let (one, other) = (Process::on(&redis).await, Process::on(&redis).await);
    for visitor in ["unloads first", "loads first"] {
        one.hit(visitor, "/", "load").await;
    }
    for process in [&one, &other] {
        process.shows(json!([["/", 2]])).await;
    }
    one.hit("unloads first", "/", "unload").await;
    other.hit("unloads first", "/", "load").await;
    other.hit("loads first", "/", "load").await;
    one.hit("loads first", "/", "unload").await;
    let (mut seen_by_one, mut seen_by_other) = (one.watch().await, other.watch().await);
    let begun = seen_by_one.data().await["ts"].as_u64().unwrap();
    loop {
        let (by_one, by_other) = (seen_by_one.data().await, seen_by_other.data().await);
        assert_eq!((&by_one["online_total"], &by_other["online_total"]), (&json!(2), &json!(2)));
        // An unload shows after 5 s.
        if by_one["ts"].as_u64().unwrap() > begun + 6 {
            return;
        }
    }
}

#[tokio::test]
async fn a_password_may_have_characters_that_mean_something_in_a_url() {
    const PASSWORD: &str = "p@ss:w/rd?#%20[ö&+";
    let redis = meanwhile(|| Redis::with(&[("requirepass", PASSWORD)])).await;
    let (port, password) = (format!("--redis-port={}", redis.port()), format!("--redis-password={PASSWORD}"));
    let with = Process::with(&["--redis-host=127.0.0.1", &port, &password]).await;
    with.hit("a", "/", "load").await;
    assert_eq!(with.get("/readyz").await.status_and_text(), (200, r#"{"ok":true}"#));
    let without = Process::with(&["--redis-host=127.0.0.1", &port]).await;
    let refused = r#"{"ok":false,"degraded":true,"errors":["[HIT_ERR_REJECTED]"]}"#;
    assert_eq!(without.post_hit("b", "/", "load").await.status_and_text(), (202, refused));
    assert_eq!(
        without.get("/readyz").await.status_and_text(),
        (503, r#"{"ok":false,"error":"redis_rejected"}"#)
    );
    assert_eq!(without.get("/healthz").await.status, 200);
}
