//! What readers get: snapshots, diffs, versions.

use super::stage::*;
use crate::roster::{Detail, LeftReason, Scope, Update};

#[test]
fn a_recreated_watch_does_not_accept_a_version_of_its_predecessor() {
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
fn a_lapse_is_published_as_a_lapse_even_if_a_leave_follows_before_publishing() {
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
fn a_new_watch_does_not_wait_while_another_scope_is_filled() {
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
