//! Steps taken under a lock: they grow with the size of a change, not with the number of
//! a user's sessions.

use super::stage::*;
use crate::model::{Meta, Status, Topics};
use crate::roster::work;
use crate::roster::{BeatSource, Detail, Refused, Scope, StoreWrite};

/// `count` topics: all but one are only for this session; `all` is shared by all sessions.
fn own_topics(session: usize, count: usize) -> Topics {
    let own = (0..count - 1).map(|n| topic(&format!("t{session}-{n}")));
    Topics::new(own.chain([topic("all")])).unwrap()
}

/// A user with `sessions` sessions in 64 topics each.
fn user_with_sessions(sessions: usize) -> Stage {
    let stage = Stage::new();
    for n in 0..sessions {
        stage.beat(&enter("ann", &format!("s{n}")).topics(own_topics(n, 64)));
    }
    stage
}

fn meta(n: u64) -> Meta {
    Meta::new(serde_json::json!({ "n": n })).unwrap()
}

/// The steps that each kind of hit on one session takes.
fn steps_of_hits(sessions: usize) -> Vec<(&'static str, u64)> {
    let mut stage = user_with_sessions(sessions);
    let mut steps = Vec::new();
    let mut count =
        |what, hit: &mut dyn FnMut(&mut Stage)| steps.push((what, work::of(|| hit(&mut stage)).1));
    count("meta", &mut |stage| _ = stage.beat(&renew("ann", "s7").meta(meta(1))));
    count("move", &mut |stage| _ = stage.beat(&renew("ann", "s7").topics(own_topics(7, 60))));
    count("leave", &mut |stage| _ = stage.leave(&leave("ann", "s7").immediately()));
    count("enter", &mut |stage| _ = stage.beat(&enter("ann", "s7").topics(own_topics(7, 64))));
    count("leave a topic", &mut |stage| {
        stage.leave(&leave("ann", "s9").topics(vec![topic("t9-3")]).immediately());
    });
    count("new", &mut |stage| _ = stage.beat(&enter("ann", "new").topics(own_topics(999, 64))));
    count("touched", &mut |stage| stage.touched("ann", "s11", stage.now + secs(1)));
    count("merged", &mut |stage| {
        let session = stage.session("ann", "s12").unwrap();
        stage.merge(&[session]);
    });
    steps
}

#[test]
fn the_steps_of_a_hit_do_not_depend_on_the_users_other_sessions() {
    let (few, many) = (steps_of_hits(50), steps_of_hits(200));
    for ((what, few), (_, many)) in few.into_iter().zip(many) {
        assert!(many <= few + 8, "{what}: {few} steps with 50 sessions, {many} with 200");
        assert!(many <= 64 * 12, "{what}: {many} steps for a session in 64 topics");
    }
}

#[test]
fn a_change_of_status_takes_a_few_steps_for_each_session_and_topic() {
    let steps = |sessions: usize| {
        let stage = user_with_sessions(sessions);
        let busy = || stage.beat(&renew("ann", "s7").declares(Status::Busy));
        let hides = || stage.beat(&renew("ann", "s7").declares(Status::Offline));
        [work::of(busy).1, work::of(hides).1]
    };
    for (few, many) in steps(50).into_iter().zip(steps(200)) {
        assert!(many <= few * 9 / 2, "{few} steps with 50 sessions, {many} with 200");
        assert!(many <= 200 * 64 * 4, "{many} steps for 200 sessions in 64 topics each");
    }
}

#[test]
fn entering_a_session_takes_the_same_steps_however_many_there_were() {
    let stage = Stage::new();
    let mut worst = 0;
    for n in 0..2_000 {
        let hit = || stage.beat(&enter("ann", &format!("s{n}")).topics(own_topics(n, 2)));
        let steps = work::of(hit).1;
        if n >= 10 {
            worst = worst.max(steps);
        }
        // A session that is renewed meanwhile is sorted again once, when a session has to be
        // evicted.
        stage.beat(&renew("ann", &format!("s{}", n / 2)));
    }
    assert!(worst <= 120, "{worst} steps");
    assert_eq!(stage.shows("ann").unwrap().sessions.len(), 256);
}

#[test]
fn publishing_a_topic_examines_only_the_sessions_in_it() {
    let steps = |sessions: usize| {
        let stage = user_with_sessions(sessions);
        let _watch = stage.roster.watch(&Scope::Topic(topic("t7-0")), Detail::Members);
        stage.roster.publish();
        stage.beat(&renew("ann", "s7").meta(meta(1)));
        work::of(|| stage.roster.publish()).1
    };
    let (few, many) = (steps(50), steps(200));
    assert!(many <= few + 8 && few > 0, "{few} steps with 50 sessions, {many} with 200");
}

#[test]
fn ending_all_sessions_of_a_user_takes_a_few_steps_for_each() {
    let mut stage = user_with_sessions(200);
    stage.now = stage.now + secs(61);
    stage.prove(0, stage.now);
    let steps = work::of(|| stage.sweep()).1;
    assert_eq!(stage.counts(), (0, 0));
    assert!(steps <= 200 * 64 * 12, "{steps}");
}

#[test]
fn a_hidden_user_is_not_shown_while_all_sessions_lapse_at_once() {
    let mut stage = Stage::new();
    for n in 0..20 {
        stage.beat(&enter("ann", &format!("s{n}")));
    }
    stage.beat(&renew("ann", "s3").declares(Status::Offline));
    assert_eq!(stage.counts(), (0, 0));
    for _ in 0..61 {
        stage.pass(1);
        // The session that hides the user lapses no earlier than the others.
        assert_eq!(stage.counts(), (0, 0));
    }
}

#[test]
fn the_topics_of_all_sessions_of_a_user_are_limited() {
    let mut stage = Stage::with(|settings| settings.max_topics_per_user = 100);
    let refused = |stage: &Stage, beat| {
        stage.roster.beat(&beat, BeatSource::Beat, 0, stage.now) == Err(Refused::TooManyTopics)
    };
    stage.beat(&enter("ann", "a").topics(own_topics(0, 60)));
    stage.beat(&enter("ann", "b").topics(own_topics(1, 40)));
    let before = (stage.session("ann", "a"), stage.session("ann", "b"));
    assert!(refused(&stage, enter("ann", "c").topics(topics(&["one more"]))));
    assert!(refused(&stage, renew("ann", "b").topics(own_topics(1, 41))));
    assert!(refused(&stage, enter("ann", "a").topics(own_topics(2, 61))));
    assert_eq!((stage.session("ann", "a"), stage.session("ann", "b")), before);
    assert_eq!(stage.session("ann", "c"), None);
    // Accepted are: no more topics than before, sessions without topics, other users, and all that
    // the store delivers.
    stage.beat(&renew("ann", "a"));
    stage.beat(&renew("ann", "a").topics(own_topics(3, 60)));
    stage.beat(&enter("ann", "c"));
    stage.beat(&enter("bob", "a").topics(own_topics(4, 64)));
    let foreign = foreign("ann", "d", "other", stage.now);
    let names = ["x", "y"];
    stage.merge(&[in_topics(&foreign, &names)]);
    assert!(refused(&stage, enter("ann", "c").topics(topics(&["one more"]))));
    // A session that leaves makes room; one that lapses and returns needs it again.
    stage.leave(&leave("ann", "b").immediately());
    stage.beat(&enter("ann", "c").topics(own_topics(5, 38)));
    assert!(refused(&stage, enter("ann", "b").topics(topics(&["one more"]))));
    stage.pass(61);
    assert!(!stage.is_here("ann"));
    stage.beat(&renew("ann", "a"));
    stage.beat(&renew("ann", "c"));
    assert!(matches!(stage.beat(&enter("ann", "b").topics(topics(&["1", "2"]))), StoreWrite::Put { .. }));
    assert!(refused(&stage, enter("ann", "b").topics(topics(&["1", "2", "3"]))));
}

#[test]
fn the_largest_topics_are_found_without_examining_all_others() {
    let stage = Stage::new();
    for n in 0..20_000 {
        stage.beat(
            &enter(&format!("u{n}"), "tab").topics(topics(&[&format!("t{n}"), &format!("top{}", n % 7)])),
        );
    }
    let (top, steps) = work::of(|| stage.roster.top_topics(10));
    assert_eq!(top[0].0, topic("top0"));
    assert_eq!(
        top.iter().map(|(_, counts)| counts.online).collect::<Vec<_>>(),
        [2_858, 2_857, 2_857, 2_857, 2_857, 2_857, 2_857, 1, 1, 1]
    );
    assert!(steps <= 16 * (10 + 32), "{steps}");
    // Also after every topic has changed.
    for n in 0..20_000 {
        stage.leave(&leave(&format!("u{n}"), "tab").immediately());
    }
    let (top, steps) = work::of(|| stage.roster.top_topics(1_000));
    assert_eq!((top.len(), stage.roster.shown_topics()), (0, 0));
    assert!(steps <= 16 * 32, "{steps}");
}
