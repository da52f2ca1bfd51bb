//! Keys that are published later, and keys that are withdrawn.

use super::*;

#[tokio::test]
async fn a_new_key_is_accepted_and_invented_ids_cost_one_fetch_in_ten_seconds() {
    let rig = Rig::new().await;
    rig.assert_taken(&rig.token()).await;
    let new = Signer::ec();
    rig.provider.answers(Answer::Keys(vec![rig.key.public("a"), new.public("b")]));
    let token = new.token(Some("b"), &long());
    rig.advance(9).await;
    for id in 0..50 {
        let made_up = new.token(Some(&format!("made up {id}")), &long());
        assert!(matches!(rig.ask(&made_up).await, Err(Refused::Invalid(_))));
        assert!(rig.ask(&token).await.is_err());
    }
    assert_eq!(rig.provider.asked(), 1);
    rig.advance(1).await;
    rig.assert_taken(&token).await;
    assert_eq!(rig.provider.asked(), 2);
    for seconds in 0..60 {
        rig.advance(1).await;
        assert!(rig.ask(&new.token(Some(&format!("{seconds}")), &long())).await.is_err());
    }
    assert_eq!(rig.provider.asked(), 8);
}

#[tokio::test]
async fn a_key_that_is_withdrawn_is_refused_though_its_tokens_were_verified() {
    let rig = Rig::new().await;
    let token = rig.token();
    rig.assert_taken(&token).await;
    let new = Signer::rsa();
    rig.provider.answers(Answer::Keys(vec![new.public("b")]));
    rig.advance(299).await;
    rig.assert_taken(&token).await;
    rig.advance(1).await;
    let mut asks = 0;
    while rig.ask(&token).await.is_ok() {
        asks += 1; // the keys are fetched meanwhile
        tokio::task::yield_now().await;
        assert!(asks < 100_000);
    }
    rig.assert_taken(&new.token(Some("b"), &long())).await;
}
