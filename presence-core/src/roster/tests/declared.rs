//! Declared statuses, and what shows of them.

use super::stage::*;
use crate::liveness::DeclaredOnly;
use crate::model::{Declared, Status};
use crate::roster::StoreWrite;
use crate::time::Timestamp;

#[test]
fn what_the_store_shows_less_of_a_declaration_is_told_again() {
    let stage = Stage::new();
    let StoreWrite::Put { sessions, .. } = stage.beat(&enter("ann", "tab")) else { panic!() };
    stage.beat(&renew("ann", "tab").declares(Status::Busy));
    assert_eq!(stage.merge(&sessions), vec![key("ann", "tab")]);
}

#[test]
fn what_is_declared_before_the_stores_time_is_known_shows_alike_with_indexes_and_without() {
    let shown = |crowd_from: usize| {
        let mut stage = Stage::cut_off(|_| ());
        stage.roster.crowd_from(crowd_from);
        stage.roster.begin();
        let mut shown = Vec::new();
        stage.beat(&enter("ann", "a").declares(Status::Busy));
        stage.now = stage.now + secs(1);
        stage.beat(&enter("ann", "b").declares(Status::Away));
        shown.push(stage.shows("ann"));
        // The store's time is behind: all stamps so far are converted to it.
        stage.prove(0, stage.now - secs(30));
        shown.push(stage.shows("ann"));
        for said in [renew("ann", "a").declares(Status::Online), renew("ann", "b"), enter("ann", "b")] {
            stage.now = stage.now + secs(1);
            stage.beat(&said);
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
fn two_declarations_of_one_instant_show_alike_in_every_process() {
    let (one, two) = (Stage::new(), Stage::new());
    let with = |session: &str, status| {
        let mut told = foreign("ann", session, "other", START);
        told.declared = Some(Declared { at: START, status, message: None, until: None });
        told
    };
    let (a, b, c) = (with("a", Status::Busy), with("b", Status::Away), with("c", Status::Online));
    one.merge(&[a.clone(), b.clone(), c.clone()]);
    two.merge(&[c, b, a]);
    assert_eq!(one.shows("ann").unwrap().status, two.shows("ann").unwrap().status);
}

#[test]
fn an_expired_declaration_does_not_make_way_for_an_older_one() {
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
fn a_user_who_declares_the_same_again_is_renewed() {
    let mut stage = Stage::with(|s| s.policy.declared_only = DeclaredOnly::Alive);
    for _ in 0..5 {
        stage.roster.declare(&key("ann", "tab"), Status::Busy.into(), 0, stage.now).unwrap();
        stage.pass(30);
    }
    assert!(stage.is_here("ann"));
}

#[test]
fn a_declared_only_session_that_others_tell_has_beaten_is_judged_by_that_beat() {
    let mut stage = Stage::with(|s| s.policy.declared_only = DeclaredOnly::Alive);
    let until = Some(stage.now + secs(40));
    for name in ["ann", "bob"] {
        let mut told = foreign(name, "tab", "other", stage.now);
        told.declared = Some(Declared { at: stage.now, status: Status::Busy, message: None, until });
        (told.seen_at, told.active_at) = (Timestamp::ZERO, Timestamp::ZERO);
        told.placement.lease = secs(10);
        stage.merge(&[told.clone()]);
        told.seen_at = stage.now;
        match name {
            "ann" => stage.touched("ann", "tab", stage.now),
            _ => drop(stage.merge(&[told])),
        }
    }
    assert_eq!(stage.counts().0, 2);
    stage.pass(10);
    assert_eq!(stage.counts().0, 0);
}
