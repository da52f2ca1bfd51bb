//! Several readers of one watch with different lags arrive at the same state.

use super::reader::Reader;
use super::stage::*;
use crate::conformance::Rng;
use crate::liveness::Liveness;
use crate::model::Status;
use crate::roster::{Detail, Diff, LeftReason, Member, Scope, Snapshot, Update, Version};
use proptest::prelude::*;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

fn poll(watch: &crate::roster::Watch, at: Option<Version>) -> Option<(Update, Version)> {
    match watch.poll(9, at, &Context::from_waker(Waker::noop())) {
        Poll::Ready(update) => update,
        Poll::Pending => None,
    }
}

/// Lets a user enter, leave, change topics or declare a status, and publishes that.
fn make_random_change(stage: &mut Stage, rng: &mut Rng) {
    let (name, session) = (format!("u{}", rng.below(5)), format!("s{}", rng.below(2)));
    match rng.below(5) {
        0 => drop(stage.beat(&enter(&name, &session).topics(topics(&["hall"])))),
        1 => drop(stage.beat(&enter(&name, &session))),
        2 => drop(stage.leave(&leave(&name, &session).immediately())),
        3 => drop(stage.beat(&renew(&name, &session).declares(Status::Offline))),
        _ => drop(stage.beat(&renew(&name, &session).declares(Status::Busy))),
    }
    if rng.one_in(4) {
        stage.pass(rng.below(20));
    }
    stage.roster.publish();
}

#[test]
fn readers_with_different_lags_reach_the_same_state() {
    for seed in 0..2 {
        let (mut stage, mut rng) = (Stage::new(), Rng::seeded(seed));
        for scope in [Scope::All, Scope::Topic(topic("hall")), Scope::users([user("u1"), user("u2")])] {
            for detail in [Detail::Members, Detail::Sessions] {
                // Readers that read after every change, less often, rarely, and so rarely that the
                // log is too short for them.
                let pace = [1, 5, 60, 1_500];
                let mut readers: Vec<Reader> =
                    (0..4).map(|id| Reader::new(&stage.roster, &scope, detail, id)).collect();
                for step in 1..=3_000 {
                    make_random_change(&mut stage, &mut rng);
                    for (reader, pace) in readers.iter_mut().zip(pace) {
                        if step % pace == 0 {
                            reader.read_all();
                        }
                    }
                }
                readers.iter_mut().for_each(Reader::read_all);
                assert!(readers.iter().all(|reader| reader.members() == readers[0].members()));
                assert_eq!((readers[0].snapshots, readers[1].snapshots), (1, 1));
                assert!(readers[0].diffs > readers[1].diffs && readers[1].diffs > readers[3].diffs);
                assert!(readers[3].snapshots > 1 || !matches!(scope, Scope::All), "{}", readers[3].snapshots);
                readers.into_iter().for_each(|reader| _ = reader.leave());
            }
        }
        if seed % 4 != 0 {
            continue;
        }
        stage.pass(61);
        stage.roster.tidy(stage.now);
    }
}

#[test]
fn a_returning_reader_resumes_at_its_version() {
    let mut stage = Stage::new();
    let mut reader = Reader::new(&stage.roster, &Scope::All, Detail::Members, 1);
    stage.beat(&enter("ann", "tab"));
    stage.roster.publish();
    reader.read_all();
    let at = reader.leave();
    stage.beat(&enter("bob", "tab"));
    stage.leave(&leave("ann", "tab").immediately());
    stage.pass(30);
    stage.roster.tidy(stage.now);
    stage.roster.publish();
    let watch = stage.roster.watch(&Scope::All, Detail::Members);
    let Some((Update::Diff(diff), to)) = poll(&watch, at) else { panic!() };
    assert_eq!((diff.from, diff.to), (at.unwrap(), to));
    assert_eq!(diff.joined.iter().map(|member| member.user.clone()).collect::<Vec<_>>(), [user("bob")]);
    assert_eq!(diff.left, [(user("ann"), LeftReason::Left)]);
}

#[test]
fn a_reader_with_a_version_of_another_instance_gets_a_snapshot() {
    let stage = Stage::new();
    stage.beat(&enter("ann", "tab"));
    let watch = stage.roster.watch(&Scope::All, Detail::Members);
    let here = watch.snapshot().version;
    let incarnation = here.incarnation ^ 1;
    for n in [0, here.n - 1, here.n, here.n + 1, u64::MAX] {
        for incarnation in [incarnation, here.incarnation] {
            let at = Version { incarnation, n };
            if at != here {
                let update = poll(&watch, Some(at));
                assert!(matches!(update, Some((Update::Snapshot(_), to)) if to == here), "{at} {update:?}");
            }
        }
    }
    assert!(poll(&watch, Some(here)).is_none());
}

#[test]
fn a_shutdown_ends_present_and_future_readers() {
    let stage = Stage::new();
    let mut reader = Reader::new(&stage.roster, &Scope::All, Detail::Members, 1);
    reader.read_all();
    stage.roster.end();
    let late = stage.roster.watch(&Scope::Topic(topic("hall")), Detail::Members);
    let context = Context::from_waker(Waker::noop());
    let Poll::Ready(Some((_, at))) = late.poll(2, None, &context) else { panic!() };
    assert!(matches!(late.poll(2, Some(at), &context), Poll::Ready(None)));
    let watch = stage.roster.watch(&Scope::All, Detail::Members);
    assert!(matches!(watch.poll(1, reader.at, &context), Poll::Ready(None)));
}

/// A state of up to six users, each in one of a few conditions.
fn state() -> impl Strategy<Value = BTreeMap<u8, u8>> {
    prop::collection::btree_map(0..6u8, 0..4u8, 0..6)
}

fn member(who: u8, what: u8) -> Arc<Member> {
    Arc::new(Member {
        user: user(&format!("u{who}")),
        liveness: if what.is_multiple_of(2) { Liveness::Active } else { Liveness::Idle },
        status: if what < 2 { Status::Online } else { Status::Busy },
        message: None,
        meta: None,
        sessions: Vec::new(),
    })
}

fn snapshot(n: u64, state: &BTreeMap<u8, u8>) -> Snapshot {
    let members = state.iter().map(|(&who, &what)| (user(&format!("u{who}")), member(who, what)));
    Snapshot { version: Version { incarnation: 7, n }, members: members.collect() }
}

fn diff(from: &Snapshot, to: &Snapshot) -> Diff {
    let mut diff = Diff::between(from.version, to.version);
    for (user, member) in &to.members {
        match from.members.get(user) {
            None => diff.joined.push(Arc::clone(member)),
            Some(before) if before != member => diff.changed.push(Arc::clone(member)),
            Some(_) => {}
        }
    }
    let left = from.members.keys().filter(|user| !to.members.contains_key(*user));
    diff.left = left.map(|user| (user.clone(), LeftReason::Left)).collect();
    diff
}

proptest! {
    #[test]
    fn applying_the_diff_of_two_states_to_the_first_yields_the_second(a in state(), b in state()) {
        let (mut a, b) = (snapshot(1, &a), snapshot(2, &b));
        let diff = diff(&a, &b);
        a.apply(&diff);
        prop_assert_eq!(a, b);
    }

    #[test]
    fn a_joined_diff_has_the_same_effect_as_its_parts(states in prop::collection::vec(state(), 2..8)) {
        let states: Vec<_> = (1..).zip(&states).map(|(n, state)| snapshot(n, state)).collect();
        let diffs: Vec<_> = states.windows(2).map(|pair| diff(&pair[0], &pair[1])).collect();
        let joined = Diff::joined(diffs.iter());
        let (first, last) = (&states[0], &states[states.len() - 1]);
        // Each user at most once, and only those present before or after.
        prop_assert!(joined.joined.iter().all(|member| !first.members.contains_key(&member.user)));
        prop_assert!(joined.changed.iter().all(|member| first.members.contains_key(&member.user)));
        prop_assert!(joined.left.iter().all(|(user, _)| first.members.contains_key(user)));
        let mut applied = first.clone();
        applied.apply(&joined);
        prop_assert_eq!(&applied, last);
    }
}
