//! What readers get: snapshots, diffs, versions.

use super::stage::*;
use crate::roster::{Detail, LeftReason, Scope, Update};

#[test]
fn a_watch_made_anew_does_not_take_an_old_version_for_its_own() {
    let mut stage = Stage::new();
    stage.beat(&enter("ann", "tab").topics(topics(&["hall"])));
    let scope = Scope::Topic(topic("hall"));
    let watch = stage.roster.watch(&scope, Detail::Members);
    let seen = watch.snapshot().version;
    watch.leave(0);
    drop(watch);
    stage.roster.tidy(stage.now);
    stage.pass(61);
    stage.roster.tidy(stage.now);
    stage.leave(&leave("ann", "tab").immediately());
    stage.pass(1);
    let watch = stage.roster.watch(&scope, Detail::Members);
    let polled = watch.poll(1, Some(seen), &std::task::Context::from_waker(std::task::Waker::noop()));
    assert!(polled.is_ready());
}

#[test]
fn a_lapse_is_told_as_a_lapse_whatever_comes_before_the_readers_are_told() {
    let mut stage = Stage::new();
    stage.beat(&enter("ann", "tab"));
    let watch = stage.roster.watch(&Scope::All, Detail::Members);
    let from = watch.snapshot().version;
    stage.pass(60);
    stage.leave(&leave("ann", "tab").immediately());
    stage.roster.publish();
    let std::task::Poll::Ready(Some((Update::Diff(diff), _))) =
        watch.poll(1, Some(from), &std::task::Context::from_waker(std::task::Waker::noop()))
    else {
        panic!()
    };
    assert_eq!(diff.left, vec![(user("ann"), LeftReason::Lapsed)]);
}

#[test]
fn whoever_watches_another_scope_does_not_wait_for_one_that_is_being_filled() {
    let stage = Stage::new();
    stage.beat(&enter("ann", "tab"));
    let anns = Scope::users([user("ann")]);
    std::thread::scope(|scope| {
        let hold_up = stage.roster.shard_of(&user("ann")).0.lock();
        let slow = scope.spawn(|| stage.roster.watch(&anns, Detail::Members));
        while stage.roster.watches.lock().len() == 0 {
            std::thread::yield_now();
        }
        stage.roster.watch(&Scope::Topic(topic("hall")), Detail::Counts);
        let another = scope.spawn(|| stage.roster.watch(&anns, Detail::Members));
        drop(hold_up);
        let (one, other) = (slow.join().unwrap(), another.join().unwrap());
        assert!(std::sync::Arc::ptr_eq(&one, &other));
        assert_eq!(other.snapshot().members.len(), 1);
    });
}
