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

/// A lease of 60 s, 8 s if held; active for 5 min; a grace of 5 s.
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
fn a_session_is_gone_exactly_when_its_lease_ends() {
    assert_eq!(verdict(&seen(), 59_999), Liveness::Active);
    assert_eq!(verdict(&seen(), 60_000), Liveness::Gone);
    assert_eq!(next_change(&seen(), &policy(), &view(0)), Some(at(60_000)));
    assert_eq!(next_change(&seen(), &policy(), &view(60_000)), None);
}

#[test]
fn a_session_is_idle_once_its_last_activity_is_too_old() {
    let vitals = Vitals { lease: secs(3_600), ..seen() };
    assert_eq!(verdict(&vitals, 299_999), Liveness::Active);
    assert_eq!(verdict(&vitals, 300_000), Liveness::Idle);
    assert_eq!(verdict(&vitals, 3_599_999), Liveness::Idle);
    assert_eq!(next_change(&vitals, &policy(), &view(0)), Some(at(300_000)));
    assert_eq!(next_change(&vitals, &policy(), &view(300_000)), Some(at(3_600_000)));
}

#[test]
fn a_future_heartbeat_has_age_zero_and_activity_counts_up_to_the_last_heartbeat() {
    let early = Vitals { seen_at: at(10_000), active_at: at(10_000), ..seen() };
    assert_eq!(verdict(&early, 0), Liveness::Active);
    // Activity from a client clock that is ahead counts no longer than the session's last
    // heartbeat.
    let client_ahead = Vitals { active_at: at(9_999_999), lease: secs(3_600), ..seen() };
    assert_eq!(verdict(&client_ahead, 300_000), Liveness::Idle);
}

#[test]
fn a_held_session_is_alive_as_long_as_its_node() {
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
    // With an unknown node, the session is judged by its own heartbeats; a dead node does not end
    // them.
    let alone = Vitals { node: None, ..held };
    assert_eq!((verdict(&alone, 7_999), verdict(&alone, 8_000)), (Liveness::Active, Liveness::Gone));
    let outlived = Vitals { seen_at: at(150_000), active_at: at(150_000), ..held };
    assert_eq!(verdict(&outlived, 157_999), Liveness::Active);
}

#[test]
fn heartbeats_of_a_node_do_not_renew_a_session_that_the_store_lacks() {
    let held = Vitals { lease: secs(8), node: Some((at(100_000), None)), ..seen() };
    let lacking = Vitals { unconfirmed_since: Some(at(99_000)), ..held };
    assert_eq!(verdict(&lacking, 106_999), Liveness::Active, "it has one lease in which it can be confirmed");
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
fn a_declaration_without_heartbeats_counts_only_if_the_policy_says_so() {
    let vitals = Vitals {
        seen_at: Timestamp::ZERO,
        active_at: Timestamp::ZERO,
        declared: Some((at(0), None)),
        ..seen()
    };
    assert_eq!(verdict(&vitals, 1), Liveness::Gone);
    let counts = policy().declared_only(DeclaredOnly::Alive);
    let is_live = |vitals: &Vitals, millis| classify(vitals, &counts, &view(millis)) == Liveness::Active;
    assert!(is_live(&vitals, 59_999) && !is_live(&vitals, 60_000), "without an end it counts for its lease");
    let until = Vitals { declared: Some((at(0), Some(at(600_000)))), ..vitals };
    assert!(is_live(&until, 599_999) && !is_live(&until, 600_000));
    assert_eq!(next_change(&until, &counts, &view(0)), Some(at(600_000)));
    let nothing = Vitals { declared: None, ..vitals };
    assert!(!is_live(&nothing, 0));
}

#[test]
fn vitals_include_the_node_of_a_held_session_only() {
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
fn an_invalid_policy_is_refused_with_the_name_of_the_invalid_field() {
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

/// Short durations, so that every change occurs within a minute.
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

/// Advances the times of the store and of the process by one step, and proves the store's time to
/// the view.
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
    fn liveness_never_improves_without_a_heartbeat(vitals in vitals(), policy in policies(), rhythm in rhythm()) {
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
    fn liveness_changes_exactly_at_the_predicted_time(
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
fn a_liveness_is_written_and_read_as_its_name() {
    for liveness in [Liveness::Gone, Liveness::Idle, Liveness::Active] {
        assert_eq!(liveness.to_string().parse(), Ok(liveness));
        assert_eq!(serde_json::to_value(liveness).unwrap(), liveness.as_str());
    }
    assert!("Active".parse::<Liveness>().is_err());
}

#[test]
fn a_policy_is_displayed_by_the_fields_that_affect_liveness() {
    let words = "lease 60s, held 8s, active 300s, grace 5s, declared false";
    assert_eq!(Policy::default().to_string(), words);
    assert_eq!(Policy::default().remember_for(secs(60)).last_seen(LastSeen::Coarse).to_string(), words);
    assert_ne!(Policy::default().grace(secs(6)).to_string(), words);
}
