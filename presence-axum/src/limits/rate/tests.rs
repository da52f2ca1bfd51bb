use super::*;
use presence_core::testing::ManualClock;

fn rate(quota: Option<Quota>, max_keys: usize) -> (Rate, ManualClock) {
    let clock = ManualClock::at(Timestamp::from_secs(1_710_000_000));
    (Rate::with(quota.unwrap(), Arc::new(clock.clone()), max_keys), clock)
}

#[tokio::test]
async fn a_key_without_quota_gets_the_time_to_wait() {
    let (rate, clock) = rate(Quota::per_minute(60).map(|quota| quota.burst(2)), 10);
    assert!(rate.check(&"a").is_ok() && rate.check(&"a").is_ok());
    let refused = rate.check(&"a").unwrap_err();
    assert_eq!((refused.retry_after(), refused.seconds()), (Duration::from_secs(1), 1));
    clock.advance(Duration::from_millis(999)).await;
    assert_eq!(rate.check(&"a").unwrap_err().seconds(), 1);
    clock.advance(Duration::from_millis(1)).await;
    assert!(rate.check(&"a").is_ok());
    assert!(rate.check(&"a").is_err());
}

#[test]
fn one_key_does_not_use_up_the_quota_of_another() {
    let (rate, _clock) = rate(Quota::per_second(1), 10);
    for key in 0..10 {
        assert!(rate.check(&key).is_ok());
        assert!(rate.check(&key).is_err());
    }
}

#[test]
fn new_keys_beyond_the_limit_share_one_quota_and_take_no_memory() {
    let (rate, _clock) = rate(Quota::per_minute(3), 100);
    for key in 0..100 {
        assert!(rate.check(&key).is_ok());
    }
    let admitted = (100..10_000).filter(|key| rate.check(key).is_ok()).count();
    assert_eq!(admitted, 3);
    assert_eq!(rate.keys(), 101);
    assert!(rate.check(&0).is_ok(), "who was known keeps their own");
}

#[tokio::test]
async fn keys_with_their_whole_burst_available_are_dropped() {
    let (rate, clock) = rate(Quota::per_second(2), 100);
    for round in 0..50 {
        for key in 0..100 {
            assert!(rate.check(&(round, key)).is_ok(), "{round} {key}");
        }
        clock.advance(Duration::from_secs(2)).await;
    }
    assert!(rate.keys() <= 101);
}

#[test]
fn every_number_makes_a_valid_quota() {
    for n in [1, 2, 999_999_999, u32::MAX] {
        for quota in [Quota::per_second(n), Quota::per_minute(n)] {
            for burst in [0, 1, u32::MAX] {
                assert!(Rate::new(quota.unwrap().burst(burst)).check(&0).is_ok());
            }
        }
    }
}
