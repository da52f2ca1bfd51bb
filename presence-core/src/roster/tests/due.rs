//! When a sweep has something to do.

use super::stage::*;
use crate::model::{Declaration, Status};
use crate::roster::work;
use crate::time::Timestamp;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

/// Number of steps that a sweep takes now.
fn steps(stage: &Stage) -> u64 {
    work::of(|| stage.sweep()).1
}

#[test]
fn a_sweep_locks_no_shard_until_something_is_due() {
    let mut stage = Stage::new();
    assert_eq!((stage.roster.due_at(), steps(&stage)), (Timestamp::MAX, 0));
    let entered = stage.now;
    for n in 0..500 {
        stage.beat(&enter(&format!("u{n}"), "tab"));
    }
    // A lease is a minute; within it nothing can change.
    assert_eq!(stage.roster.due_at(), entered + secs(60));
    for _ in 0..59 {
        stage.now = stage.now + secs(1);
        stage.prove(0, stage.now);
        assert_eq!(steps(&stage), 0);
    }
    assert_eq!(stage.counts().0, 500);
    stage.pass(1);
    assert_eq!(stage.counts().0, 0);
    // They are forgotten a minute later, and then there is nothing left to do.
    assert_eq!(stage.roster.due_at(), entered + secs(120));
    stage.pass(180);
    assert_eq!((stage.roster.due_at(), stage.roster.len()), (Timestamp::MAX, 0));
}

#[test]
fn an_earlier_due_time_is_signalled_once() {
    let stage = Stage::new();
    let signals = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&signals);
    stage.roster.on_due(move || _ = count.fetch_add(1, Ordering::Relaxed));
    let signals = || signals.swap(0, Ordering::Relaxed);
    stage.beat(&enter("ann", "tab"));
    assert_eq!((signals(), stage.roster.due_at()), (1, stage.now + secs(60)));
    // A session that is due later needs no signal.
    stage.beat(&enter("bob", "tab"));
    stage.beat(&enter("eve", "tab").lease(secs(600)));
    assert_eq!(signals(), 0);
    stage.beat(&enter("dan", "tab").lease(secs(5)));
    stage.beat(&enter("joe", "tab").lease(secs(5)));
    assert_eq!((signals(), stage.roster.due_at()), (1, stage.now + secs(5)));
    let busy = Declaration::new(Status::Busy).until(stage.now + secs(2));
    stage.roster.declare(&key("ann", "tab"), busy, 0, stage.now).unwrap();
    assert_eq!((signals(), stage.roster.due_at()), (1, stage.now + secs(2)));
}

#[test]
fn an_unread_list_is_signalled_for_sorting_before_any_session_is_due() {
    let stage = Stage::new();
    let signals = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&signals);
    stage.beat(&enter("ann", "tab").topics(topics(&["hall"])));
    assert_eq!(stage.roster.due_at(), stage.now + secs(60));
    stage.roster.on_due(move || _ = count.fetch_add(1, Ordering::Relaxed));
    for n in 0..200 {
        stage.beat(&enter(&format!("u{n}"), "tab").topics(topics(&["hall"])));
    }
    assert_eq!(signals.load(Ordering::Relaxed), 1);
}

#[test]
fn a_session_to_forget_immediately_is_due_immediately() {
    let mut stage = Stage::new();
    stage.beat(&enter("ann", "tab"));
    assert_eq!(stage.roster.due_at(), stage.now + secs(60));
    stage.roster.erase(&user("ann"), 0, stage.now);
    assert_eq!(stage.roster.due_at(), Timestamp::ZERO);
    assert_eq!(stage.sweep().forget.len(), 1);
    stage.pass(180);
    assert_eq!(stage.roster.due_at(), Timestamp::MAX);
}
