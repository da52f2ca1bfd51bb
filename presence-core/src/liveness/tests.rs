use super::{DeclaredOnly, InvalidPolicy, LastSeen, Liveness, Policy, Vitals, classify, next_change};
use crate::model::{Departure, Node, NodeId, Placement, Session, SessionId, Topics, UserId};
use crate::time::{Blind, BlindList, SILENCE, Timestamp, ViewClock};
use proptest::prelude::*;
use std::time::Duration;

const START: u64 = 1_000_000;

fn at(millis: u64) -> Timestamp {
    Timestamp::from_millis(START + millis)
}

fn secs(secs: u64) -> Duration {
    Duration::from_secs(secs)
}

impl Vitals {
    /// The facts of a session, with those of the node that holds it, if known.
    pub(crate) fn of(session: &Session, node: Option<&Node>) -> Self {
        let placement = &session.placement;
        Self {
            seen_at: session.seen_at,
            active_at: session.active_at,
            lease: placement.lease,
            node: node.filter(|_| placement.held).map(Node::rank),
            left: placement.left,
            declared: session.declared.as_ref().map(|declared| (declared.at, declared.until)),
            unconfirmed_since: None,
        }
    }
}

/// A view that was always proven, `millis` after the start.
fn view(millis: u64) -> ViewClock {
    ViewClock::running(at(millis))
}

/// Windows of 60 s, 8 s, 5 min and 5 s.
fn policy() -> Policy {
    Policy::default()
}

/// Seen and active at the start, with a lease of a minute.
fn seen() -> Vitals {
    let start = at(0);
    Vitals {
        seen_at: start,
        active_at: start,
        lease: secs(60),
        node: None,
        left: None,
        declared: None,
        unconfirmed_since: None,
    }
}

fn verdict(vitals: &Vitals, millis: u64) -> Liveness {
    classify(vitals, &policy(), &view(millis))
}

#[test]
fn a_session_lives_for_its_lease_and_not_a_millisecond_longer() {
    assert_eq!(verdict(&seen(), 59_999), Liveness::Active);
    assert_eq!(verdict(&seen(), 60_000), Liveness::Gone);
    assert_eq!(next_change(&seen(), &policy(), &view(0)), Some(at(60_000)));
    assert_eq!(next_change(&seen(), &policy(), &view(60_000)), None);
}

#[test]
fn a_session_is_idle_when_its_user_has_not_been_active_for_long() {
    let vitals = Vitals { lease: secs(3_600), ..seen() };
    assert_eq!(verdict(&vitals, 299_999), Liveness::Active);
    assert_eq!(verdict(&vitals, 300_000), Liveness::Idle);
    assert_eq!(verdict(&vitals, 3_599_999), Liveness::Idle);
    assert_eq!(next_change(&vitals, &policy(), &view(0)), Some(at(300_000)));
    assert_eq!(next_change(&vitals, &policy(), &view(300_000)), Some(at(3_600_000)));
}

#[test]
fn the_future_has_no_age_and_no_activity_is_later_than_its_beat() {
    let early = Vitals { seen_at: at(10_000), active_at: at(10_000), ..seen() };
    assert_eq!(verdict(&early, 0), Liveness::Active);
    // Activity from a client clock that is ahead counts no longer than the session's last
    // heartbeat.
    let boasts = Vitals { active_at: at(9_999_999), lease: secs(3_600), ..seen() };
    assert_eq!(verdict(&boasts, 300_000), Liveness::Idle);
}

#[test]
fn a_held_session_lives_with_its_node() {
    let node = |seen, drain| Some((at(seen), drain));
    let held = Vitals { lease: secs(8), node: node(100_000, None), ..seen() };
    assert_eq!(verdict(&held, 107_999), Liveness::Active);
    assert_eq!(verdict(&held, 108_000), Liveness::Gone);
    // Draining gives clients time to reconnect elsewhere, and never shortens it.
    let drains = Vitals { node: node(100_000, Some(secs(30))), ..held };
    assert_eq!(verdict(&drains, 129_999), Liveness::Active);
    assert_eq!(next_change(&drains, &policy(), &view(107_000)), Some(at(130_000)));
    let hurries = Vitals { node: node(100_000, Some(secs(1))), ..held };
    assert_eq!(verdict(&hurries, 107_999), Liveness::Active);
    // With an unknown node, the session lives by its own heartbeats; a dead node does not end them.
    let alone = Vitals { node: None, ..held };
    assert_eq!((verdict(&alone, 7_999), verdict(&alone, 8_000)), (Liveness::Active, Liveness::Gone));
    let outlived = Vitals { seen_at: at(150_000), active_at: at(150_000), ..held };
    assert_eq!(verdict(&outlived, 157_999), Liveness::Active);
}

#[test]
fn a_node_does_not_speak_for_a_session_that_the_store_lacks() {
    let held = Vitals { lease: secs(8), node: Some((at(100_000), None)), ..seen() };
    let lacking = Vitals { unconfirmed_since: Some(at(99_000)), ..held };
    assert_eq!(verdict(&lacking, 106_999), Liveness::Active, "it has one lease to be confirmed in");
    assert_eq!(verdict(&lacking, 107_000), Liveness::Gone);
}

#[test]
fn a_leave_takes_effect_when_its_grace_is_over() {
    let left = Vitals { left: Some(Departure { at: at(10_000), ends_at: at(15_000) }), ..seen() };
    assert_eq!(verdict(&left, 14_999), Liveness::Active);
    assert_eq!(verdict(&left, 15_000), Liveness::Gone);
    assert_eq!(next_change(&left, &policy(), &view(0)), Some(at(15_000)));
}

#[test]
fn a_declaration_alone_counts_where_the_policy_says_so() {
    let vitals = Vitals {
        seen_at: Timestamp::ZERO,
        active_at: Timestamp::ZERO,
        declared: Some((at(0), None)),
        ..seen()
    };
    assert_eq!(verdict(&vitals, 1), Liveness::Gone);
    let counts = policy().declared_only(DeclaredOnly::Alive);
    let lives = |vitals: &Vitals, millis| classify(vitals, &counts, &view(millis)) == Liveness::Active;
    assert!(lives(&vitals, 59_999) && !lives(&vitals, 60_000), "without an end it counts for its lease");
    let until = Vitals { declared: Some((at(0), Some(at(600_000)))), ..vitals };
    assert!(lives(&until, 599_999) && !lives(&until, 600_000));
    assert_eq!(next_change(&until, &counts, &view(0)), Some(at(600_000)));
    let nothing = Vitals { declared: None, ..vitals };
    assert!(!lives(&nothing, 0));
}

#[test]
fn vitals_know_the_node_of_a_held_session_only() {
    let node = Node { id: NodeId::new("n").unwrap(), seen_at: at(5), drain_for: None };
    let placement = Placement {
        placed_at: at(0),
        left: None,
        node: node.id.clone(),
        held: true,
        lease: secs(8),
        topics: Topics::NONE,
        meta: None,
    };
    let (user, id) = (UserId::new("u").unwrap(), SessionId::new("s").unwrap());
    let mut session = Session { user, id, placement, declared: None, seen_at: at(0), active_at: at(0) };
    assert_eq!(Vitals::of(&session, Some(&node)).node, Some((at(5), None)));
    session.placement.held = false;
    assert_eq!(Vitals::of(&session, Some(&node)).node, None);
}

#[test]
fn a_policy_whose_windows_do_not_fit_names_the_one_that_is_wrong() {
    assert_eq!(policy().validate(), Ok(()));
    let wrong = |policy: Policy| policy.validate().map_err(|InvalidPolicy { field, .. }| field);
    assert_eq!(wrong(policy().lease_for(secs(0))), Err("lease_for"));
    assert_eq!(wrong(policy().lease_for(Policy::MAX_LEASE + secs(1))), Err("lease_for"));
    assert_eq!(wrong(policy().held_for(secs(2))), Err("held_for"));
    assert_eq!(wrong(policy().active_for(secs(0))), Err("active_for"));
    assert_eq!(wrong(policy().grace(secs(60))), Err("grace"));
    assert_eq!(Policy::memory(secs(8)), secs(60));
    assert_eq!(Policy::memory(secs(80)), secs(80));
}

/// Short windows, so that a history of a minute sees every change.
fn policies() -> impl Strategy<Value = Policy> {
    (1..20u64, prop::sample::select(vec![DeclaredOnly::Gone, DeclaredOnly::Alive])).prop_map(
        |(active, declared_only)| Policy::default().active_for(secs(active)).declared_only(declared_only),
    )
}

fn instant() -> impl Strategy<Value = Timestamp> {
    (0..60_000u64).prop_map(at)
}

fn vitals() -> impl Strategy<Value = Vitals> {
    let seen_at = prop_oneof![5 => instant(), 1 => Just(Timestamp::ZERO)];
    let left = prop::option::of((instant(), 0..9_000u64));
    let left = left.prop_map(|left| {
        left.map(|(at, grace)| Departure { at, ends_at: at + Duration::from_millis(grace) })
    });
    let node = prop::option::of((instant(), prop::option::of((1..20u64).prop_map(secs))));
    let declared = prop::option::of((instant(), prop::option::of(instant())));
    let parts = (seen_at, instant(), 1..20u64, node, left, declared, prop::option::of(instant()));
    parts.prop_map(|(seen_at, active_at, lease, node, left, declared, unconfirmed_since)| Vitals {
        seen_at,
        active_at,
        lease: secs(lease),
        node,
        left,
        declared,
        unconfirmed_since,
    })
}

/// The store's time as a process learns it: by how much both clocks advance, sometimes with a gap
/// or a jump.
fn rhythm() -> impl Strategy<Value = Vec<(u64, u64)>> {
    let step = prop_oneof![8 => 1..2_500u64, 1 => 3_001..15_000u64];
    let jump = prop_oneof![12 => Just(0u64), 1 => 1_500..15_000u64];
    prop::collection::vec((step, jump), 1..25)
}

/// A view that follows such a rhythm, and the process's own time.
fn follow(
    view: &mut ViewClock,
    now: &mut (Timestamp, Timestamp),
    blind: &mut BlindList,
    (step, jump): (u64, u64),
) {
    let from = now.0;
    now.0 = now.0 + Duration::from_millis(step + jump);
    now.1 = now.1 + Duration::from_millis(step);
    if now.0.since(from) > SILENCE {
        blind.add(Blind { from, to: now.0 });
    }
    view.prove(now.0, now.1, blind.as_slice());
}

proptest! {
    #[test]
    fn nobody_gets_better_without_a_beat(vitals in vitals(), policy in policies(), rhythm in rhythm()) {
        let (mut view, mut now) = (ViewClock::default(), (at(0), Timestamp::ZERO));
        let mut blind = BlindList::default();
        view.prove(now.0, now.1, blind.as_slice());
        let mut before = classify(&vitals, &policy, &view);
        for step in rhythm {
            follow(&mut view, &mut now, &mut blind, step);
            let after = classify(&vitals, &policy, &view);
            prop_assert!(after <= before, "{before:?} to {after:?} at {:?}", view.now());
            before = after;
        }
    }

    #[test]
    fn the_verdict_changes_exactly_when_it_was_foretold(
        vitals in vitals(),
        policy in policies(),
        rhythm in rhythm(),
    ) {
        let (mut view, mut now) = (ViewClock::default(), (at(0), Timestamp::ZERO));
        let mut blind = BlindList::default();
        view.prove(now.0, now.1, blind.as_slice());
        for step in rhythm {
            follow(&mut view, &mut now, &mut blind, step);
        }
        // Without further gaps, the predicted times come true one after the other, until the end.
        for _ in 0..8 {
            let verdict = classify(&vitals, &policy, &view);
            let Some(next) = next_change(&vitals, &policy, &view) else {
                prop_assert_eq!(verdict, Liveness::Gone);
                return Ok(());
            };
            prop_assert!(next > view.now(), "a change in the past");
            while view.now() + Duration::from_millis(1) < next {
                let left = next.since(view.now()).as_millis();
                follow(&mut view, &mut now, &mut blind, (u64::try_from(left).unwrap().saturating_sub(1).min(1_000), 0));
                prop_assert_eq!(classify(&vitals, &policy, &view), verdict, "too early, at {:?}", view.now());
            }
            follow(&mut view, &mut now, &mut blind, (1, 0));
            prop_assert!(classify(&vitals, &policy, &view) < verdict, "not at {:?}", next);
        }
        prop_assert!(false, "a session changes three times at most");
    }
}

#[test]
fn a_liveness_is_written_and_read_by_its_name() {
    for liveness in [Liveness::Gone, Liveness::Idle, Liveness::Active] {
        assert_eq!(liveness.to_string().parse(), Ok(liveness));
        assert_eq!(serde_json::to_value(liveness).unwrap(), liveness.as_str());
    }
    assert!("Active".parse::<Liveness>().is_err());
}

#[test]
fn a_policy_is_compared_by_the_windows_that_judge_sessions() {
    let words = "lease 60s, held 8s, active 300s, grace 5s, declared false";
    assert_eq!(Policy::default().to_string(), words);
    assert_eq!(Policy::default().remember_for(secs(60)).last_seen(LastSeen::Coarse).to_string(), words);
    assert_ne!(Policy::default().grace(secs(6)).to_string(), words);
}
