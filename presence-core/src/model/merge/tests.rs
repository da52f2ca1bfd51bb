use crate::model::arbitrary::state;
use crate::model::{Departure, NodeId, Session};
use crate::time::Timestamp;
use proptest::prelude::*;

fn merged(one: &Session, two: &Session) -> Session {
    let mut both = one.clone();
    both.merge(two);
    both
}

proptest! {
    #[test]
    fn a_merge_is_commutative(one in state(), two in state()) {
        prop_assert_eq!(merged(&one, &two), merged(&two, &one));
    }

    #[test]
    fn a_merge_is_associative(one in state(), two in state(), three in state()) {
        prop_assert_eq!(merged(&merged(&one, &two), &three), merged(&one, &merged(&two, &three)));
    }

    #[test]
    fn a_merge_is_idempotent(one in state(), two in state()) {
        let mut both = merged(&one, &two);
        let before = both.clone();
        prop_assert!(!both.merge(&one) && !both.merge(&two) && !both.merge(&before));
        prop_assert_eq!(both, before);
    }

    #[test]
    fn a_merge_returns_whether_anything_changed(one in state(), two in state()) {
        let mut both = one.clone();
        let changed = both.merge(&two);
        prop_assert_eq!(changed, both != one);
    }

    #[test]
    fn a_touch_commutes_with_a_merge(one in state(), two in state(), seen in 0..9u64, active in 0..9u64) {
        let (seen, active) = (Timestamp::from_millis(seen), Timestamp::from_millis(active));
        let (mut before, mut after) = (one.clone(), merged(&one, &two));
        before.touch(seen, active);
        after.touch(seen, active);
        prop_assert_eq!(merged(&before, &two), after);
    }

    #[test]
    fn exactly_one_of_two_different_placements_wins(one in state(), two in state()) {
        let (one, two) = (one.placement, two.placement);
        prop_assert_eq!(one == two, !one.supersedes(&two) && !two.supersedes(&one));
        prop_assert!(!(one.supersedes(&two) && two.supersedes(&one)));
    }

    #[test]
    fn a_leave_ends_the_placement_it_has_seen_and_no_later_one(here in state(), later in 1..9u64) {
        let mut here = here;
        here.placement.left = None;
        let mut departed = here.clone();
        let at = Timestamp::from_millis(1_000);
        departed.placement.left = Some(Departure { at, ends_at: at });
        departed.placement.node = NodeId::new(" ").unwrap();
        prop_assert!(merged(&here, &departed).placement.left.is_some());
        here.placement.placed_at = here.placement.placed_at + std::time::Duration::from_millis(later);
        prop_assert!(merged(&here, &departed).placement.left.is_none());
    }
}
