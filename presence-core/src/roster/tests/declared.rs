//! Declared statuses, and how they are shown.

use super::stage::*;
use crate::liveness::DeclaredOnly;
use crate::model::{Declared, Status};
use crate::roster::StoreWrite;
use crate::time::Timestamp;

#[test]
fn a_declaration_that_the_store_lacks_is_written_again() {
    let stage = Stage::new();
    let StoreWrite::Put { sessions, .. } = stage.beat(&enter("ann", "tab")) else { panic!() };
    stage.beat(&renew("ann", "tab").declares(Status::Busy));
    assert_eq!(stage.merge(&sessions), vec![key("ann", "tab")]);
}

#[test]
fn a_status_declared_before_calibration_shows_alike_with_and_without_indexes() {
    let shown = |index_from: usize| {
        let mut stage = Stage::cut_off(|_| ());
        stage.roster.index_from(index_from);
        stage.roster.begin();
        let mut shown = Vec::new();
        stage.beat(&enter("ann", "a").declares(Status::Busy));
        stage.now = stage.now + secs(1);
        stage.beat(&enter("ann", "b").declares(Status::Away));
        shown.push(stage.shows("ann"));
        // The store's time is behind: all stamps so far are converted to it.
        stage.prove(0, stage.now - secs(30));
        shown.push(stage.shows("ann"));
        for beat in [renew("ann", "a").declares(Status::Online), renew("ann", "b"), enter("ann", "b")] {
            stage.now = stage.now + secs(1);
            stage.beat(&beat);
            shown.push(stage.shows("ann"));
        }
        stage.leave(&leave("ann", "b").immediately());
        shown.push(stage.shows("ann"));
        shown
    };
    let (few, many) = (shown(9), shown(2));
    assert_eq!(few, many);
    let statuses: Vec<_> = few.into_iter().map(|shown| shown.unwrap().status).collect();
    assert_eq!(
        statuses,
        [Status::Away, Status::Away, Status::Online, Status::Online, Status::Online, Status::Online]
    );
}

#[test]
fn two_declarations_with_the_same_time_show_alike_in_every_process() {
    let (one, two) = (Stage::new(), Stage::new());
    let with = |id: &str, status| {
        let mut session = foreign("ann", id, "other", START);
        session.declared = Some(Declared { at: START, status, message: None, until: None });
        session
    };
    let (a, b, c) = (with("a", Status::Busy), with("b", Status::Away), with("c", Status::Online));
    one.merge(&[a.clone(), b.clone(), c.clone()]);
    two.merge(&[c, b, a]);
    assert_eq!(one.shows("ann").unwrap().status, two.shows("ann").unwrap().status);
}

#[test]
fn an_older_declaration_does_not_replace_an_expired_one() {
    let mut stage = Stage::new();
    let declared = |at, status, until| Some(Declared { at, status, message: None, until });
    let mut ann = foreign("ann", "tab", "other", stage.now);
    ann.placement.lease = secs(3600);
    ann.declared = declared(stage.now, Status::Busy, None);
    let old = ann.clone();
    ann.declared = declared(stage.now + secs(1), Status::Away, Some(stage.now + secs(10)));
    stage.merge(&[ann]);
    stage.pass(20);
    assert_eq!(stage.shows("ann").unwrap().status, Status::Online);
    stage.merge(&[old]);
    assert_eq!(stage.shows("ann").unwrap().status, Status::Online);
}

#[test]
fn repeating_a_declaration_renews_the_session() {
    let mut stage = Stage::with(|s| s.policy.declared_only = DeclaredOnly::Alive);
    for _ in 0..5 {
        stage.roster.declare(&key("ann", "tab"), Status::Busy.into(), 0, stage.now).unwrap();
        stage.pass(30);
    }
    assert!(stage.is_here("ann"));
}

#[test]
fn a_declared_session_is_gone_one_lease_after_a_heartbeat_from_the_feed() {
    let mut stage = Stage::with(|s| s.policy.declared_only = DeclaredOnly::Alive);
    let until = Some(stage.now + secs(40));
    for name in ["ann", "bob"] {
        let mut session = foreign(name, "tab", "other", stage.now);
        session.declared = Some(Declared { at: stage.now, status: Status::Busy, message: None, until });
        (session.seen_at, session.active_at) = (Timestamp::ZERO, Timestamp::ZERO);
        session.placement.lease = secs(10);
        stage.merge(&[session.clone()]);
        session.seen_at = stage.now;
        match name {
            "ann" => stage.touched("ann", "tab", stage.now),
            _ => drop(stage.merge(&[session])),
        }
    }
    assert_eq!(stage.counts().0, 2);
    stage.pass(10);
    assert_eq!(stage.counts().0, 0);
}
