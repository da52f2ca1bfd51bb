//! The token of the host.

use super::super::bare::{assert_no_user_left, at, is_in, open, open_to_tokens, policy};
use super::super::site::Site;
use super::super::tab::Tab;
use serde_json::json;

#[tokio::test]
async fn a_token_that_never_comes_costs_a_timeout_and_the_page_shows_it() {
    let site = Site::serving(policy(), open_to_tokens).await;
    let grace = Tab::open(&at(&site, &json!({"user": null, "tokens": 60, "hangs": true}))).await;
    grace.until("errors.some(({ code }) => code === 'token')").await;
    assert_eq!(grace.eval("presence.self.getSnapshot().here").await, false);
    is_in(&grace).await;
    assert_eq!(site.sessions("Grace"), 1);
}

#[tokio::test]
async fn a_token_that_runs_out_is_renewed_before_and_nothing_is_interrupted() {
    let site = Site::serving(policy(), open_to_tokens).await;
    let outlives = async |transport: &str| {
        let grace = open(&site, json!({"user": null, "tokens": 8, "transport": transport})).await;
        // Each connection outlives a token.
        grace.until("count('/token') >= 3").await;
        grace.eval("presence.setStatus('busy')").await;
        grace.until("view.members.get('Grace').status === 'busy'").await;
        is_in(&grace).await;
        assert_eq!(
            grace.eval("errors.map(({ message, at }) => `${message} after ${at} ms`).join()").await,
            "",
            "{transport}"
        );
        assert_no_user_left(&[&grace]).await;
        assert_eq!(grace.complaints(), []);
    };
    tokio::join!(outlives("auto"), outlives("http"));
}
