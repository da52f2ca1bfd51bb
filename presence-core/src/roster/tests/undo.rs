//! Rollback of changes that the store refused.

use super::stage::*;
use crate::model::Status;
use crate::roster::StoreWrite;

#[test]
fn a_rollback_keeps_heartbeats_that_arrived_since() {
    let mut stage = Stage::new();
    stage.beat(&enter("ann", "tab"));
    stage.pass(1);
    let StoreWrite::Put { roll_back, .. } = stage.beat(&renew("ann", "tab").topics(topics(&["hall"]))) else {
        panic!()
    };
    stage.pass(1);
    stage.touched("ann", "tab", stage.now);
    stage.roster.roll_back(&roll_back, stage.now);
    assert_eq!(stage.session("ann", "tab").unwrap().seen_at, stage.now);
}

#[test]
fn rolling_back_an_entry_removes_the_session() {
    let stage = Stage::new();
    let StoreWrite::Put { roll_back, .. } = stage.beat(&enter("ann", "tab").topics(topics(&["hall"]))) else {
        panic!()
    };
    stage.roster.roll_back(&roll_back, stage.now);
    assert_eq!((stage.counts(), stage.counts_in("hall"), stage.roster.len()), ((0, 0), (0, 0), 0));
}

#[test]
fn rolling_back_a_change_of_topics_restores_the_old_topics() {
    let mut stage = Stage::new();
    stage.beat(&enter("ann", "tab").topics(topics(&["hall"])));
    let before = stage.session("ann", "tab");
    stage.pass(1);
    let StoreWrite::Put { roll_back, .. } = stage.beat(&renew("ann", "tab").topics(topics(&["attic"])))
    else {
        panic!()
    };
    assert_eq!((stage.counts_in("hall"), stage.counts_in("attic")), ((0, 0), (1, 1)));
    stage.roster.roll_back(&roll_back, stage.now);
    assert_eq!((stage.counts_in("hall"), stage.counts_in("attic")), ((1, 1), (0, 0)));
    assert_eq!(stage.session("ann", "tab"), before);
}

#[test]
fn a_rollback_keeps_later_changes() {
    let mut stage = Stage::new();
    stage.beat(&enter("ann", "tab"));
    stage.pass(1);
    let StoreWrite::Put { roll_back, .. } = stage.beat(&renew("ann", "tab").topics(topics(&["hall"]))) else {
        panic!()
    };
    stage.beat(&renew("ann", "tab").declares(Status::Busy));
    stage.beat(&renew("ann", "tab").topics(topics(&["attic"])));
    stage.roster.roll_back(&roll_back, stage.now);
    let session = stage.session("ann", "tab").unwrap();
    assert_eq!(session.placement.topics, topics(&["attic"]));
    assert_eq!(session.declared.map(|declared| declared.status), Some(Status::Busy));
}

#[test]
fn rolling_back_a_leave_restores_the_session() {
    let mut stage = Stage::new();
    stage.beat(&enter("ann", "tab"));
    stage.pass(1);
    let StoreWrite::Put { roll_back, .. } = stage.leave(&leave("ann", "tab").immediately()) else { panic!() };
    assert!(!stage.is_here("ann"));
    stage.roster.roll_back(&roll_back, stage.now);
    assert!(stage.is_here("ann"));
}
