use super::*;
use presence_core::store::Membership;
use presence_core::{Message, SessionId, Status, Topic, UserId};
use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;
use serde_json::json;

fn instant() -> impl Strategy<Value = Timestamp> {
    // Few values, so that two registers often have the same time.
    prop_oneof![0..4u64, Just(1_700_000_000_000), Just(LATEST)].prop_map(Timestamp::from_millis)
}

fn name() -> impl Strategy<Value = String> {
    // Characters that sort differently as JSON, in a locale, or by code point.
    prop_oneof!["[ab!\" \\\\é日]{1,3}", "\\PC{1,20}"]
}

fn placement() -> impl Strategy<Value = Placement> {
    let left = option::of((instant(), instant()).prop_map(|(at, ends_at)| Departure { at, ends_at }));
    let memberships = vec((name(), option::of(instant())), 0..3);
    let meta = option::of(name().prop_map(|text| Meta::new(json!({ "k": text, "n": 1.5 })).unwrap()));
    let lease = (0..100_000u64).prop_map(Duration::from_millis);
    (instant(), left, name(), any::<bool>(), lease, memberships, meta).prop_map(
        |(placed_at, left, node, held, lease, memberships, meta)| {
            let memberships = memberships
                .into_iter()
                .map(|(topic, until)| Membership { topic: Topic::new(topic).unwrap(), until });
            let (node, topics) = (NodeId::new(node).unwrap(), Topics::of(memberships.collect()).unwrap());
            Placement { placed_at, left, node, held, lease, topics, meta }
        },
    )
}

fn declared() -> impl Strategy<Value = Declared> {
    let status = prop_oneof![Just(Status::Online), Just(Status::Busy), Just(Status::Offline)];
    let message = option::of(
        prop_oneof![Just("a\nb\tc".to_owned()), name()].prop_map(|text| Message::new(text).unwrap()),
    );
    (instant(), status, message, option::of(instant())).prop_map(|(at, status, message, until)| Declared {
        at,
        status,
        message,
        until,
    })
}

prop_compose! {
    fn sessions()(
        user in name(),
        id in name(),
        placement in placement(),
        declared in option::of(declared()),
        seen_at in instant(),
        active_at in instant(),
    ) -> Session {
        let (user, id) = (UserId::new(user).unwrap(), SessionId::new(id).unwrap());
        Session { user, id, placement, declared, seen_at, active_at }
    }
}

/// The parts of a record that scripts compare as strings.
fn registers(record: &str) -> (&str, &str) {
    let after_times = &record[2 * DIGITS..];
    after_times.rsplit_once('\t').unwrap()
}

proptest! {
    #[test]
    fn a_decoded_session_equals_the_encoded_one(whole in sessions()) {
        let field = keys::session_field(&whole.user, &whole.id);
        prop_assert_eq!(session(&field, &record(&whole)), Some(whole));
    }

    #[test]
    fn of_two_placements_the_core_keeps_the_greater_string(one in placement(), other in placement(), whole in sessions()) {
        let with = |placement: &Placement| record(&Session { placement: placement.clone(), ..whole.clone() });
        let (a, b) = (with(&one), with(&other));
        let greater = registers(&a).0.as_bytes() > registers(&b).0.as_bytes();
        prop_assert_eq!(greater, one.supersedes(&other));
    }

    #[test]
    fn of_two_declarations_the_core_keeps_the_greater_string(one in declared(), other in declared(), whole in sessions()) {
        let with = |declared: &Declared| record(&Session { declared: Some(declared.clone()), ..whole.clone() });
        let (a, b) = (with(&one), with(&other));
        let greater = registers(&a).1.as_bytes() > registers(&b).1.as_bytes();
        prop_assert_eq!(greater, one.supersedes(&other));
        let none = record(&Session { declared: None, ..whole });
        prop_assert_eq!(registers(&none).1, "");
    }

    #[test]
    fn a_heartbeat_is_decoded_as_encoded_and_sorts_by_rank(
        seen in vec((instant(), option::of((0..9_000u64).prop_map(Duration::from_millis))), 2),
    ) {
        let id = NodeId::new("n").unwrap();
        let nodes: Vec<Node> =
            seen.iter().map(|(seen_at, drain_for)| Node { id: id.clone(), seen_at: *seen_at, drain_for: *drain_for }).collect();
        let beats: Vec<String> = seen.iter().map(|(seen_at, drain_for)| beat(*seen_at, *drain_for)).collect();
        prop_assert_eq!(beats[0] > beats[1], nodes[0].rank() > nodes[1].rank());
        prop_assert_eq!(node(id, &beats[0]), Some(nodes[0].clone()));
    }

    #[test]
    fn decoding_any_text_does_not_panic(field in "[a\t]{0,4}\\PC{0,9}", text in "[0-9hl\t]{0,80}[{}\"\\PC]{0,40}") {
        let _ = (session(&field, &text), touch_of(&field, &text), seen_of(&field, &text));
        let _ = node(NodeId::new("n").unwrap(), &text);
    }
}

#[test]
fn the_format_of_a_record_does_not_change_between_versions() {
    let placement = Placement {
        placed_at: Timestamp::from_millis(1_700_000_000_000),
        left: None,
        node: NodeId::new("web~1").unwrap(),
        held: true,
        lease: Duration::from_mins(1),
        topics: Topics::new([Topic::new("/").unwrap()]).unwrap(),
        meta: None,
    };
    let (seen_at, active_at) = (Timestamp::from_millis(1_700_000_000_123), Timestamp::from_millis(9));
    let (user, id) = (UserId::new("ada").unwrap(), SessionId::new("tab").unwrap());
    let mut whole = Session { user, id, placement, declared: None, seen_at, active_at };
    assert_eq!(
        record(&whole),
        "170000000012300000000000091700000000000h\tweb~1\t{\"held\":true,\"lease\":60000,\"topics\":[{\"topic\":\"/\"}]}\t"
    );
    whole.placement.left =
        Some(Departure { at: Timestamp::from_millis(5), ends_at: Timestamp::from_millis(6) });
    assert!(record(&whole)[39..].starts_with("l00000000000050000000000006\tweb~1\t"));
}

#[test]
fn a_time_after_the_year_2286_is_written_as_the_latest_time() {
    let mut text = times(Timestamp::MAX, Timestamp::ZERO);
    assert_eq!(text.len(), 2 * DIGITS);
    text.truncate(DIGITS);
    assert_eq!(take_instant(&mut text.as_str()), Some(Timestamp::from_millis(LATEST)));
}

#[test]
fn a_user_record_contains_only_the_parts_that_are_set() {
    let at = Timestamp::from_millis;
    let user = UserId::new("ada").unwrap();
    let mut whole = UserRecord { seen_at: at(1_700_000_000_123), ..UserRecord::new(user.clone()) };
    assert_eq!(user_record(&whole), "1700000000123");
    assert_eq!(user_record_of("ada", "1700000000123"), Some(whole.clone()));
    whole.block = Some(Block { at: at(5), until: at(6), session: None });
    assert_eq!(user_record(&whole), "1700000000123000000000000000000000000050000000000006");
    for session in [None, Some(SessionId::new("tab 1").unwrap())] {
        whole.block = Some(Block { at: at(5), until: at(6), session });
        for erased_at in [None, Some(at(7))] {
            let record = UserRecord { erased_at, ..whole.clone() };
            assert_eq!(user_record_of("ada", &user_record(&record)), Some(record));
        }
    }
    for nonsense in ["", "1", "17000000001231", "1700000000123000000000000000000000000050"] {
        assert_eq!(user_record_of("ada", nonsense), None, "{nonsense:?}");
    }
}
