use crate::time::{Clock, ManualClock, SystemClock, Timestamp};
use futures_util::FutureExt;
use parking_lot::Mutex;
use std::sync::Arc;
use std::time::Duration;

fn secs(secs: u64) -> Timestamp {
    Timestamp::from_secs(secs)
}

#[test]
fn timestamps_saturate_instead_of_overflowing() {
    let second = Duration::from_secs(1);
    assert_eq!(Timestamp::MAX + second, Timestamp::MAX);
    assert_eq!(Timestamp::ZERO - second, Timestamp::ZERO);
    assert_eq!(Timestamp::ZERO + Duration::MAX, Timestamp::MAX);
    assert_eq!(Timestamp::from_secs(u64::MAX), Timestamp::MAX);
    assert_eq!(secs(1).since(secs(2)), Duration::ZERO);
    assert_eq!((secs(2).since(secs(1)), secs(2).as_secs(), secs(2).as_millis()), (second, 2, 2_000));
    // Fractions of a millisecond are cut.
    assert_eq!(Timestamp::ZERO + Duration::from_micros(1_999), Timestamp::from_millis(1));
}

#[test]
fn a_timestamp_is_serialized_as_its_milliseconds() {
    assert_eq!(serde_json::to_string(&secs(5)).unwrap(), "5000");
    assert_eq!(serde_json::from_str::<Timestamp>("7").unwrap(), Timestamp::from_millis(7));
    assert!(serde_json::from_str::<Timestamp>("-1").is_err());
}

/// Sleeps until each of these seconds in turn, and records when it woke.
async fn sleeper(clock: ManualClock, at: Vec<u64>, woken: Arc<Mutex<Vec<u64>>>) {
    for at in at {
        clock.sleep_until(secs(at)).await;
        woken.lock().push(clock.now().as_secs());
    }
}

#[tokio::test]
async fn advancing_a_minute_wakes_every_sleeper_at_its_own_instant() {
    let clock = ManualClock::default();
    let woken = Arc::new(Mutex::new(Vec::new()));
    for at in [vec![5, 10, 60], vec![10], (1..=60).collect(), vec![61]] {
        tokio::spawn(sleeper(clock.clone(), at, Arc::clone(&woken)));
    }
    clock.advance(Duration::from_mins(1)).await;
    let mut expected: Vec<u64> = (1..=60).chain([5, 10, 10, 60]).collect();
    expected.sort_unstable();
    assert_eq!(*woken.lock(), expected);
    assert_eq!(clock.now(), secs(60));
    clock.advance(Duration::from_secs(1)).await;
    assert_eq!(woken.lock().last(), Some(&61));
}

#[tokio::test]
async fn a_task_that_a_sleeper_spawns_runs_before_time_advances_further() {
    let clock = ManualClock::default();
    let woken = Arc::new(Mutex::new(Vec::new()));
    let (inner, list) = (clock.clone(), Arc::clone(&woken));
    tokio::spawn(async move {
        inner.sleep_until(secs(3)).await;
        // Another task, which sleeps within the same advance.
        tokio::spawn(sleeper(inner, vec![4, 5], list));
    });
    clock.advance(Duration::from_secs(10)).await;
    assert_eq!(*woken.lock(), [4, 5]);
}

#[tokio::test]
async fn a_dropped_sleep_does_not_stop_the_clock() {
    let clock = ManualClock::default();
    let mut sleeping = Box::pin(clock.sleep_until(secs(5)));
    assert!((&mut sleeping).now_or_never().is_none());
    drop(sleeping);
    clock.advance(Duration::from_secs(10)).await;
    assert_eq!(clock.now(), secs(10));
    // A past instant needs no wait.
    assert!(clock.sleep_until(secs(10)).now_or_never().is_some());
}

/// Periodic work: records the time every so many seconds.
async fn periodic(clock: ManualClock, every: u64, done: Arc<Mutex<Vec<u64>>>) {
    loop {
        clock.sleep_past(clock.now() + Duration::from_secs(every)).await;
        done.lock().push(clock.now().as_secs());
    }
}

#[tokio::test]
async fn time_does_not_stop_for_periodic_work_and_runs_it_before_exact_sleepers() {
    let clock = ManualClock::default();
    let done = Arc::new(Mutex::new(Vec::new()));
    tokio::spawn(periodic(clock.clone(), 1, Arc::clone(&done)));
    tokio::spawn(periodic(clock.clone(), 50, Arc::clone(&done)));
    let (inner, list) = (clock.clone(), Arc::clone(&done));
    tokio::spawn(async move {
        inner.sleep_until(secs(100)).await;
        assert_eq!(*list.lock(), [100, 100]);
        inner.sleep_until(secs(86_400)).await;
        assert_eq!(*list.lock(), [100, 100, 86_400, 86_400]);
    });
    clock.advance(Duration::from_hours(24)).await;
    assert_eq!(clock.woken(), 6);
    // Without exact sleepers, periodic work runs at the end of the advance.
    clock.advance(Duration::from_secs(3)).await;
    assert_eq!(done.lock()[4..], [86_403]);
    clock.advance(Duration::from_millis(500)).await;
    assert_eq!(done.lock().len(), 5);
}

#[tokio::test]
async fn two_concurrent_advances_do_not_move_the_clock_back() {
    let clock = ManualClock::default();
    tokio::join!(clock.advance(Duration::from_mins(1)), clock.advance(Duration::from_secs(1)));
    assert!(clock.now() >= secs(60));
}

#[tokio::test]
async fn the_system_clock_advances_and_its_instances_agree() {
    let (clock, other) = (SystemClock, SystemClock);
    let before = clock.now();
    assert!(before > secs(1_700_000_000));
    assert!(clock.sleep_until(before).now_or_never().is_some());
    clock.sleep_until(before + Duration::from_millis(5)).await;
    assert!(other.now() >= before + Duration::from_millis(5));
}
