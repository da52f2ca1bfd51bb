//! A server that sends invalid input.

use super::super::bare::{assert_no_user_left, is_in, open_as, open_over_http, site};

/// Broken JSON, a message of a later version, and changes of an unknown topic.
const JUNK: [(&str, &str); 4] = [
    ("presence_diff", "{broken"),
    ("presence_state", r#"{"scope":"topic:lobby","version":"1-1","users":[]}"#),
    (
        "presence_diff",
        r#"{"scope":"topic:lobby","from":"another-life-7","version":"another-life-8","joined":{},"changed":{},"left":{}}"#,
    ),
    ("presence_counts", r#"{"scope":"topic:lobby","online":"many"}"#),
];

#[tokio::test]
async fn invalid_data_on_a_stream_causes_one_reconnect_and_one_error() {
    let site = site().await;
    let (ada, grace) = (open_as(&site, "Ada").await, open_over_http(&site, "Grace").await);
    grace.eval("inject('event: of_later\\ndata: {\"a\":1}\\n\\n')").await;
    for (name, data) in JUNK {
        grace.eval("errors.length = 0; globalThis.before = count('/v1/sse')").await;
        grace.eval(&format!("inject({:?})", format!("event: {name}\ndata: {data}\n\n"))).await;
        grace.until("count('/v1/sse') > before").await;
        is_in(&grace).await;
        grace.until("errors.filter(({ code }) => code === 'protocol').length === 1").await;
        let status = if data.len() % 2 == 0 { "busy" } else { "away" };
        ada.eval(&format!("presence.setStatus('{status}')")).await;
        grace.until(&format!("view.members.get('Ada')?.status === '{status}'")).await;
    }
    assert_no_user_left(&[&ada, &grace]).await;
}

#[tokio::test]
async fn invalid_data_on_a_socket_causes_one_reconnect_and_one_error() {
    let site = site().await;
    let (ada, grace) = (open_as(&site, "Ada").await, open_as(&site, "Grace").await);
    grace.until("sockets.length === 1 && sockets[0].readyState === 1").await;
    let hear = |data: &str| {
        format!("sockets.at(-1).dispatchEvent(new MessageEvent('message', {{ data: {data:?} }}))")
    };
    grace.eval(&hear(r#"{"type":"of_later","a":1}"#)).await;
    for (name, data) in JUNK {
        grace.eval("errors.length = 0; globalThis.before = sockets.length").await;
        let frame = data.replace("\"scope\":\"topic:", "\"topic\":\"").replacen(
            '{',
            &format!("{{\"type\":\"{name}\","),
            1,
        );
        grace.eval(&hear(&frame)).await;
        grace.until("sockets.length > before && sockets.at(-1).readyState === 1").await;
        is_in(&grace).await;
        grace.until("errors.filter(({ code }) => code === 'protocol').length === 1").await;
        let status = if data.len() % 2 == 0 { "busy" } else { "away" };
        ada.eval(&format!("presence.setStatus('{status}')")).await;
        grace.until(&format!("view.members.get('Ada')?.status === '{status}'")).await;
    }
    assert_no_user_left(&[&ada, &grace]).await;
}
