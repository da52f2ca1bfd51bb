//! Leaves: with grace, immediate, from single topics, and what survives them.

use super::stage::*;
use crate::roster::StoreWrite;

#[test]
fn an_immediate_leave_wins_over_a_leave_with_grace_of_the_same_instant() {
    let stage = Stage::new();
    stage.beat(&enter("ann", "tab"));
    let StoreWrite::Put { sessions: waiting, .. } = stage.leave(&leave("ann", "tab")) else { panic!() };
    let StoreWrite::Put { sessions: now, .. } = stage.leave(&leave("ann", "tab").immediately()) else {
        panic!()
    };
    assert!(!stage.is_here("ann"));
    let mut merged = now[0].clone();
    merged.merge(&waiting[0]);
    assert_eq!(merged, now[0]);
    stage.merge(&waiting);
    assert!(!stage.is_here("ann"));
}
