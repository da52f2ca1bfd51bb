//! Clocks: of the process, of the store, and what happens when they differ.

use super::stage::*;

#[test]
fn a_leave_before_the_first_proof_takes_effect_after_its_grace() {
    let mut stage = Stage::cut_off(|_| ());
    stage.beat(&enter("ann", "tab").lease(secs(3600)));
    stage.leave(&leave("ann", "tab"));
    stage.roster.begin();
    stage.roster.synced(0, stage.now);
    stage.roster.prove(0, stage.now - secs(600), stage.now);
    for _ in 0..10 {
        stage.now = stage.now + secs(1);
        stage.roster.prove(0, stage.now - secs(600), stage.now);
        stage.sweep();
    }
    assert!(!stage.is_here("ann"));
}

#[test]
fn this_process_beats_by_the_stores_time_after_the_first_proof() {
    let stage = Stage::cut_off(|_| ());
    stage.roster.prove(0, stage.now - secs(600), stage.now);
    let beat = stage.roster.beat_node(stage.now + secs(2));
    assert_eq!(beat.seen_at, stage.now + secs(2) - secs(600));
}
