use super::*;
use presence_core::{Status, Topic, Topics, testing};

const MINUTE: Duration = Duration::from_mins(1);

fn session(placed_at: u64, topic: &str) -> Session {
    let mut session = testing::session("u", "s", Timestamp::from_millis(placed_at));
    session.placement.topics = Topics::new([Topic::new(topic).unwrap()]).unwrap();
    session
}

fn existing(session: &Session) -> State<'_> {
    State::Existing { session, repeats_deletion: false }
}

fn remember(cache: &RevisionCache, session: &Session, revision: u64) {
    cache.reserve([(&session.user, &session.id)].into_iter());
    cache.fill(&session.user, &session.id, revision, existing(session));
}

#[test]
fn a_session_that_contains_the_cached_record_gets_its_revision() {
    let cache = RevisionCache::default();
    let mut stored = session(10, "a");
    assert_eq!(cache.contained(&mut stored.clone()), Some(0));
    stored.seen_at = Timestamp::from_millis(99);
    remember(&cache, &stored, 7);
    let mut newer = session(20, "b");
    assert_eq!(cache.contained(&mut newer), Some(7));
    assert_eq!(newer.seen_at, Timestamp::from_millis(99));
    assert_eq!(cache.contained(&mut session(10, "a")), Some(7));
    assert_eq!(cache.contained(&mut session(10, "b")), None);
    assert_eq!(cache.contained(&mut session(9, "b")), None);
    let mut left = session(10, "a");
    left.placement.left = Some(Departure { at: Timestamp::ZERO, ends_at: Timestamp::ZERO });
    assert_eq!(cache.contained(&mut left), Some(7));
}

#[test]
fn a_session_that_lacks_the_cached_status_gets_no_revision() {
    let cache = RevisionCache::default();
    let at = Timestamp::from_millis(5);
    let mut stored = session(10, "a");
    stored.declared = Some(Declared { at, status: Status::Busy, message: None, until: None });
    remember(&cache, &stored, 7);
    assert_eq!(cache.contained(&mut session(20, "b")), None);
    let mut same = session(20, "b");
    same.declared.clone_from(&stored.declared);
    assert_eq!(cache.contained(&mut same), Some(7));
    same.declared = Some(Declared { at, status: Status::Away, message: None, until: None });
    assert_eq!(cache.contained(&mut same), None);
}

#[tokio::test]
async fn a_session_is_certain_to_exist_only_if_an_up_to_date_watch_has_read_it() {
    let (cache, stored) = (RevisionCache::default(), session(10, "a"));
    let find = |watched| cache.existing(watched, &stored.user, &stored.id);
    remember(&cache, &stored, 7);
    assert_eq!(cache.watched("incarnation", 0, Duration::ZERO).await, None);
    assert_eq!(find(None), None);
    let registration = cache.register_watch();
    let incarnation: Arc<str> = "incarnation".into();
    registration.has_read(&incarnation, 8);
    assert_eq!(cache.watched("incarnation", 9, Duration::from_millis(1)).await, None);
    assert_eq!(cache.watched("another", 8, Duration::from_millis(1)).await, None);
    let watched = cache.watched("incarnation", 8, Duration::from_secs(9)).await;
    assert!(watched.is_some());
    // The watch has not read the session, which may have been deleted since.
    assert_eq!(find(watched), None);
    cache.record_read(&registration, &stored.key(), 7, existing(&stored));
    assert_eq!(
        find(watched),
        Some(Existing { revision: 7, has_left: false, lease: MINUTE, seen_at: stored.seen_at })
    );
    cache.record_read(&registration, &stored.key(), 9, State::Gone);
    assert_eq!(find(watched), None);
    // A late answer does not restore a session that was forgotten meanwhile.
    cache.fill(&stored.user, &stored.id, 7, existing(&stored));
    assert_eq!(find(watched), None);
}
