use super::*;
use presence_core::{NodeId, Status, Topic, Topics};

const MINUTE: Duration = Duration::from_mins(1);

fn session(placed_at: u64, topic: &str) -> Session {
    let at = Timestamp::from_millis(placed_at);
    let placement = Placement {
        placed_at: at,
        left: None,
        node: NodeId::new("n").unwrap(),
        held: false,
        lease: MINUTE,
        topics: Topics::new([Topic::new(topic).unwrap()]).unwrap(),
        meta: None,
    };
    let (user, id) = (UserId::new("u").unwrap(), SessionId::new("s").unwrap());
    Session { user, id, placement, declared: None, seen_at: at, active_at: at }
}

fn there(session: &Session) -> State<'_> {
    State::There { session, tells_of_deletion: false }
}

fn remember(known: &Known, session: &Session, revision: u64) {
    known.reserve([(&session.user, &session.id)].into_iter());
    known.fill(&session.user, &session.id, revision, there(session));
}

#[test]
fn what_contains_the_record_need_not_read_it() {
    let known = Known::default();
    let mut stored = session(10, "a");
    assert_eq!(known.contained(&mut stored.clone()), Some(0));
    stored.seen_at = Timestamp::from_millis(99);
    remember(&known, &stored, 7);
    let mut newer = session(20, "b");
    assert_eq!(known.contained(&mut newer), Some(7));
    assert_eq!(newer.seen_at, Timestamp::from_millis(99));
    assert_eq!(known.contained(&mut session(10, "a")), Some(7));
    assert_eq!(known.contained(&mut session(10, "b")), None);
    assert_eq!(known.contained(&mut session(9, "b")), None);
    let mut left = session(10, "a");
    left.placement.left = Some(Departure { at: Timestamp::ZERO, ends_at: Timestamp::ZERO });
    assert_eq!(known.contained(&mut left), Some(7));
}

#[test]
fn what_was_declared_is_not_lost() {
    let known = Known::default();
    let at = Timestamp::from_millis(5);
    let mut stored = session(10, "a");
    stored.declared = Some(Declared { at, status: Status::Busy, message: None, until: None });
    remember(&known, &stored, 7);
    assert_eq!(known.contained(&mut session(20, "b")), None);
    let mut same = session(20, "b");
    same.declared.clone_from(&stored.declared);
    assert_eq!(known.contained(&mut same), Some(7));
    same.declared = Some(Declared { at, status: Status::Away, message: None, until: None });
    assert_eq!(known.contained(&mut same), None);
}

#[tokio::test]
async fn only_a_watch_that_is_up_to_date_makes_certain() {
    let (known, stored) = (Known::default(), session(10, "a"));
    let is_there = |watched| known.there(watched, &stored.user, &stored.id);
    remember(&known, &stored, 7);
    assert_eq!(known.watched("incarnation", 0, Duration::ZERO).await, None);
    assert_eq!(is_there(None), None);
    let feeding = known.feed();
    let incarnation: Arc<str> = "incarnation".into();
    feeding.has_read(&incarnation, 8);
    assert_eq!(known.watched("incarnation", 9, Duration::from_millis(1)).await, None);
    assert_eq!(known.watched("another", 8, Duration::from_millis(1)).await, None);
    let watched = known.watched("incarnation", 8, Duration::from_secs(9)).await;
    assert!(watched.is_some());
    // The watch has not told of it: it may be gone since.
    assert_eq!(is_there(watched), None);
    known.record_read(&feeding, &stored.key(), 7, there(&stored));
    assert_eq!(is_there(watched), Some(There { revision: 7, has_left: false, lease: MINUTE }));
    known.record_read(&feeding, &stored.key(), 9, State::Gone);
    assert_eq!(is_there(watched), None);
    // What was forgotten meanwhile is not brought back by an answer that comes late.
    known.fill(&stored.user, &stored.id, 7, there(&stored));
    assert_eq!(is_there(watched), None);
}
