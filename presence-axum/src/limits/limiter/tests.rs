use super::*;
use std::net::IpAddr;

fn client(last: u8) -> Client {
    Client::from(IpAddr::from([10, 0, 0, last]))
}

fn limiter(streams: usize, of_client: usize) -> Limiter {
    Limiter::new(Limits::default().streams(streams).streams_per_client(of_client))
}

#[test]
fn one_client_cannot_use_up_the_limit_of_others() {
    let limiter = limiter(10, 2);
    let _held = [limiter.admit(Some(client(1))).unwrap(), limiter.admit(Some(client(1))).unwrap()];
    assert_eq!(limiter.admit(Some(client(1))).unwrap_err().status(), 429);
    assert!(limiter.admit(Some(client(2))).is_ok());
}

#[test]
fn beyond_the_total_limit_streams_get_503_until_one_ends() {
    let limiter = limiter(1, 1);
    let held = limiter.admit(Some(client(1))).unwrap();
    assert_eq!(limiter.admit(Some(client(2))).unwrap_err().status(), 503);
    drop(held);
    assert!(limiter.admit(None).is_ok());
}

#[test]
fn clients_without_streams_are_not_remembered() {
    let limiter = limiter(10, 0);
    assert!(limiter.admit(Some(client(1))).is_err());
    let held = Limiter::new(Limits::default());
    drop(held.admit(Some(client(1))));
    for limiter in [limiter, held] {
        assert_eq!(limiter.open(), 0);
        assert!(limiter.0.open.lock().by_client.is_empty());
    }
}

#[test]
fn topics_are_counted_in_all_and_for_each_client_until_their_stream_ends() {
    let limits = Limits::default().topics(5).topics_per_client(3);
    let limiter = Limiter::new(limits);
    let mut one = limiter.admit(Some(client(1))).unwrap();
    let mut same = limiter.admit(Some(client(1))).unwrap();
    let mut other = limiter.admit(Some(client(2))).unwrap();
    assert!(one.watch().is_ok() && one.watch().is_ok() && same.watch().is_ok());
    let refused = same.watch().unwrap_err();
    assert_eq!((refused.status().as_u16(), refused.word()), (429, "too many topics"));
    assert!(other.watch().is_ok() && other.watch().is_ok());
    let refused = other.watch().unwrap_err();
    assert_eq!((refused.status().as_u16(), refused.word()), (503, "full"));
    drop(one);
    assert!(same.watch().is_ok() && same.watch().is_ok());
    same.unwatch();
    assert!(other.watch().is_ok());
    drop((same, other));
    let open = limiter.0.open.lock();
    assert_eq!((open.all.streams, open.all.topics, open.by_client.len()), (0, 0, 0));
}

#[test]
fn each_eighth_topic_that_a_stream_begins_with_is_a_query() {
    let clock: Arc<dyn Clock> =
        Arc::new(presence_core::testing::ManualClock::at(presence_core::Timestamp::ZERO));
    let queries_per_client = Quota::per_minute(1).map(|quota| quota.burst(2));
    let limiter = Limiter::with_clock(Limits::default().queries_per_client(queries_per_client), &clock);
    let mut stream = limiter.admit(Some(client(1))).unwrap();
    let begun = (0..100).take_while(|_| stream.watch().is_ok()).count();
    assert_eq!(begun, 23);
    let refused = stream.watch_anew().unwrap_err();
    assert_eq!((refused.status().as_u16(), refused.word()), (429, "too many requests"));
    assert_eq!(limiter.0.open.lock().all.topics, 23, "what is refused is not counted");
    assert!(stream.rows(10).is_err(), "and a list is a query, too");
}
