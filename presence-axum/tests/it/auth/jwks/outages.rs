//! A provider that does not answer, or answers with something else than keys.

use super::*;
use futures_util::future::join_all;

#[tokio::test]
async fn known_keys_stay_in_use_while_the_provider_is_down_and_new_ones_are_unavailable() {
    let mut rig = Rig::new().await;
    rig.assert_taken(&rig.token()).await;
    rig.provider.die().await;
    let new = Signer::rsa();
    rig.advance(1_000).await;
    rig.assert_taken(&rig.key.token(Some("a"), &claims_but("exp", json!(NOW + 5_000)))).await;
    assert_eq!(rig.ask(&new.token(Some("b"), &long())).await.unwrap_err(), Refused::Unavailable);
    rig.provider.rise().await;
    rig.provider.answers(Answer::Keys(vec![rig.key.public("a"), new.public("b")]));
    rig.advance(10).await;
    rig.assert_taken(&new.token(Some("b"), &long())).await;
}

#[tokio::test]
async fn a_provider_that_is_down_at_first_is_tried_again_every_two_seconds() {
    let mut rig = Rig::new().await;
    rig.provider.die().await;
    assert_eq!(rig.ask(&rig.token()).await.unwrap_err(), Refused::Unavailable);
    rig.provider.rise().await;
    rig.advance(1).await;
    assert_eq!(rig.ask(&rig.token()).await.unwrap_err(), Refused::Unavailable);
    assert_eq!(rig.provider.asked(), 0);
    rig.advance(1).await;
    rig.assert_taken(&rig.token()).await;
}

#[tokio::test]
async fn an_invalid_key_set_does_not_replace_the_known_keys() {
    let rig = Rig::new().await;
    rig.assert_taken(&rig.token()).await;
    let elsewhere = Provider::publishing(vec![Signer::rsa().public("b")]).await;
    let asked = rig.provider.asked();
    for (i, answer) in [
        Answer::Text("<html>maintenance</html>".to_owned()),
        Answer::Text(r#"{"keys":[]}"#.to_owned()),
        Answer::Text(r#"{"keys":[{"kty":"oct","k":"c2VjcmV0"}]}"#.to_owned()),
        Answer::Text("[".repeat(100_000)),
        Answer::Status(500),
        Answer::Status(204),
        Answer::Redirect(elsewhere.url()),
        Answer::Endless,
    ]
    .into_iter()
    .enumerate()
    {
        rig.provider.answers(answer);
        rig.advance(10).await;
        let unknown = Signer::ec().token(Some("b"), &long());
        assert_eq!(rig.ask(&unknown).await.unwrap_err(), Refused::Unavailable, "{i}");
        assert_eq!(rig.provider.asked(), asked + i + 1);
        rig.assert_taken(&rig.token()).await;
    }
    assert_eq!(elsewhere.asked(), 0);
}

#[tokio::test]
async fn one_fetch_serves_all_waiting_requests_and_a_hanging_provider_does_not_delay_known_keys() {
    let rig = Rig::new().await;
    let tokens: Vec<_> = (0..20).map(|i| rig.key.token(Some("a"), &claims_but("jti", json!(i)))).collect();
    for identity in join_all(tokens.iter().map(|token| rig.ask(token))).await {
        assert_eq!(identity.unwrap().subject(), Some("ada"));
    }
    assert_eq!(rig.provider.asked(), 1);

    rig.provider.answers(Answer::Hang);
    rig.advance(10).await;
    let token = Signer::rsa().token(Some("b"), &long());
    let mut waits = Box::pin(rig.ask(&token));
    while rig.provider.asked() < 2 {
        assert!(futures_util::poll!(&mut waits).is_pending());
        tokio::task::yield_now().await;
    }
    rig.assert_taken(&rig.key.token(Some("a"), &claims_but("jti", json!("another")))).await;
    // A caller that gives up waiting does not end the fetch for the others.
    drop(waits);
    assert_eq!(rig.ask(&token).await.unwrap_err(), Refused::Unavailable);
    assert_eq!(rig.provider.asked(), 2);
}
