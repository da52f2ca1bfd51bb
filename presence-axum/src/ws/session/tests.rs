//! Unit tests of the session: commands in, effects out, with a manual time.

use super::*;
use crate::ws::SubscriptionRequest;
use presence_core::UserId;
use std::time::Duration;

fn at(seconds: u64) -> Timestamp {
    Timestamp::from_secs(1_000 + seconds)
}

fn topic(name: &str) -> Topic {
    Topic::new(name).unwrap()
}

struct Rig {
    session: Session,
    now: Timestamp,
}

impl Rig {
    fn new() -> Self {
        Self::of(Identity::from_host(UserId::new("ada").unwrap()), false)
    }

    fn of(caller: Identity, subscribing_enters: bool) -> Self {
        let connection = SessionId::new("c1").unwrap();
        let settings = Arc::new(Settings::default().topics(2));
        Self { session: Session::new(connection, caller, settings, subscribing_enters, at(0)), now: at(0) }
    }

    fn execute(&mut self, command: Command) -> Vec<Effect> {
        self.asks_as(command, false)
    }

    fn asks_as(&mut self, command: Command, hidden: bool) -> Vec<Effect> {
        let mut out = Vec::new();
        self.session.command(Request::new(command), hidden, self.now, &mut out);
        out
    }

    fn subscribes(&mut self, name: &str) -> Vec<Effect> {
        self.execute(Command::Subscribe(vec![SubscriptionRequest::new(Some(topic(name)))]))
    }

    fn types(&mut self, value: &str) -> Vec<Effect> {
        self.execute(Command::Typing { topic: topic("room"), value: Some(value.into()) })
    }

    fn ticks(&mut self, seconds: u64) -> Vec<Effect> {
        self.now = at(seconds);
        let mut out = Vec::new();
        self.session.tick(self.now, &mut out);
        out
    }
}

fn signals(effects: &[Effect]) -> Vec<Option<&str>> {
    let signals = effects.iter().filter_map(|effect| match effect {
        Effect::Signal { value, .. } => Some(value.as_deref()),
        _ => None,
    });
    signals.collect()
}

fn problems(effects: &[Effect]) -> Vec<(u16, &str)> {
    let updates = effects.iter().filter_map(|effect| match effect {
        Effect::Send(update) => Some(&**update),
        _ => None,
    });
    let problems = updates.filter_map(|update| match update {
        Update::Problem(problem) => Some((problem.code, &*problem.words)),
        _ => None,
    });
    problems.collect()
}

#[test]
fn repeated_typing_is_sent_once_and_prolonged() {
    let mut rig = Rig::new();
    rig.subscribes("room");
    assert_eq!(signals(&rig.types("true")), [Some("true")]);
    rig.now = at(3);
    assert!(signals(&rig.types("true")).is_empty());
    assert_eq!(rig.session.deadline(), at(5));
    // The value would end for the others, so it is sent again, prolonged since the client repeated
    // it.
    assert_eq!(signals(&rig.ticks(5)), [Some("true")]);
    assert_eq!(rig.session.deadline(), at(8));
    assert_eq!(signals(&rig.ticks(8)), [None]);
    assert_eq!(rig.session.deadline(), at(60));
}

#[test]
fn a_changed_typing_value_is_sent_at_once() {
    let mut rig = Rig::new();
    rig.subscribes("room");
    rig.types("1");
    assert_eq!(signals(&rig.types("2")), [Some("2")]);
    rig.asks_as(Command::Typing { topic: topic("room"), value: None }, false);
    assert!(signals(&rig.ticks(5)).is_empty());
}

#[test]
fn typing_ends_with_a_message_a_leave_an_unsubscribe_and_hiding() {
    let ends: [fn(&mut Rig) -> Vec<Effect>; 5] = [
        |rig| rig.execute(Command::Publish { topic: topic("room"), data: "1".into(), key: None }),
        |rig| rig.execute(Command::Leave { kind: LeaveKind::AfterGrace, topics: None }),
        |rig| rig.execute(Command::Unsubscribe(vec![Some(topic("room"))])),
        |rig| {
            let fields = SessionFields { declares: Some(Status::Offline.into()), ..SessionFields::default() };
            rig.execute(Command::Beat(fields))
        },
        |rig| rig.asks_as(Command::Typing { topic: topic("room"), value: Some("1".into()) }, true),
    ];
    for (n, end) in ends.into_iter().enumerate() {
        let mut rig = Rig::new();
        rig.execute(Command::Enter { user: None, session: None, fields: SessionFields::default() });
        rig.subscribes("room");
        rig.types("1");
        assert_eq!(signals(&end(&mut rig)), [None], "{n}");
    }
}

#[test]
fn typing_of_a_hidden_user_is_ignored_without_an_error() {
    let mut rig = Rig::new();
    rig.subscribes("room");
    let typing = Command::Typing { topic: topic("room"), value: Some("1".into()) };
    assert!(rig.asks_as(typing, true).is_empty());
}

#[test]
fn typing_and_publishing_need_a_subscription_or_a_session_in_the_topic() {
    let mut rig = Rig::new();
    assert_eq!(problems(&rig.types("1")), [(403, "not subscribed")]);
    let publish = Command::Publish { topic: topic("room"), data: "1".into(), key: None };
    assert_eq!(problems(&rig.execute(publish)), [(403, "not subscribed")]);
}

#[test]
fn a_topic_beyond_the_limit_is_refused_and_an_existing_subscription_restarts() {
    let mut rig = Rig::new();
    rig.subscribes("a");
    rig.subscribes("b");
    assert_eq!(problems(&rig.subscribes("c")), [(429, "too many topics")]);
    assert!(matches!(&rig.subscribes("a")[..], [Effect::Join { .. }]));
}

#[test]
fn an_idle_connection_is_closed_and_any_frame_prevents_it() {
    let mut rig = Rig::new();
    assert!(rig.ticks(59).is_empty());
    let mut out = Vec::new();
    assert_eq!(rig.session.admit_frame(at(59), &mut out), Admission::Accept);
    assert!(rig.ticks(60).is_empty());
    assert!(matches!(rig.ticks(119)[..], [Effect::Close(Close::Idle)]));
}

#[test]
fn an_expired_token_ends_the_connection() {
    let ada = Identity::from_host(UserId::new("ada").unwrap());
    let mut rig = Rig::of(ada.clone().until(at(10)), false);
    assert_eq!(rig.session.deadline(), at(10));
    let mut out = Vec::new();
    rig.session.renew(ada.until(at(20)), None, &mut out);
    assert!(rig.ticks(10).is_empty());
    assert!(matches!(rig.ticks(20)[..], [Effect::Close(Close::Expired)]));
}

#[test]
fn with_subscribing_enters_the_session_follows_its_subscriptions() {
    let mut rig = Rig::of(Identity::from_host(UserId::new("ada").unwrap()), true);
    let mut out = Vec::new();
    rig.session.open(&Policy::default(), SessionFields::default(), &mut out);
    assert!(matches!(&out[1], Effect::Hold(beat) if beat.user.as_str() == "ada"));
    let topics_of = |effects: &[Effect]| -> Vec<String> {
        let changed = effects.iter().find_map(|effect| match effect {
            Effect::Change(fields) => fields.topics.clone(),
            _ => None,
        });
        changed.iter().flat_map(Topics::names).map(ToString::to_string).collect()
    };
    assert_eq!(topics_of(&rig.subscribes("a")), ["a"]);
    assert_eq!(topics_of(&rig.subscribes("b")), ["a", "b"]);
    assert_eq!(topics_of(&rig.execute(Command::Unsubscribe(vec![Some(topic("a"))]))), ["b"]);
}

#[test]
fn a_flood_of_frames_closes_the_connection() {
    let mut rig = Rig::new();
    let mut out = Vec::new();
    for _ in 0..200 {
        rig.session.admit_frame(at(1), &mut out);
    }
    assert_eq!(problems(&out), [(429, "too many frames")]);
    assert!(out.iter().any(|effect| matches!(effect, Effect::Close(Close::Flood))));
}

#[test]
fn hello_contains_the_windows() {
    let mut rig = Rig::new();
    let mut out = Vec::new();
    rig.session.open(&Policy::default(), SessionFields::default(), &mut out);
    let Effect::Send(hello) = &out[0] else { panic!("no hello") };
    assert!(matches!(&**hello, Update::Hello(hello) if hello.typing_for == Duration::from_secs(5)));
}
