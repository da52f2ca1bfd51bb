//! `Presence` on this store, whose handles do not receive their own writes.

use presence_core::Scope;
use presence_core::roster::{LeftReason, Update, Viewer};
use presence_core::testing::ManualClock;
use presence_core::{
    Beat, Counts, Error, Leave, Liveness, Policy, Presence, PresenceStore, SessionId, StoreHealth, Timestamp,
    Topic, Topics, UserId,
};
use presence_memory::MemoryStore;
use std::time::Duration;

struct Cluster {
    clock: ManualClock,
    store: MemoryStore,
}

fn secs(secs: u64) -> Duration {
    Duration::from_secs(secs)
}

fn user(name: &str) -> UserId {
    UserId::new(name).unwrap()
}

fn tab() -> SessionId {
    SessionId::new("tab").unwrap()
}

fn enter(name: &str) -> Beat {
    let lobby = Topics::new([Topic::new("lobby").unwrap()]).unwrap();
    Beat::enter(user(name), tab()).topics(lobby)
}

fn renew(name: &str) -> Beat {
    Beat::renew(user(name), tab())
}

impl Cluster {
    fn new() -> Self {
        let clock = ManualClock::at(Timestamp::from_secs(1_700_000_000));
        Self { store: MemoryStore::with_clock(clock.clone()), clock }
    }

    async fn process(&self) -> Presence {
        let presence = Presence::builder(self.store.clone()).clock(self.clock.clone()).start().unwrap();
        presence.ready().await;
        presence
    }

    async fn pass(&self, seconds: u64) {
        self.clock.advance(secs(seconds)).await;
    }

    async fn stored(&self, name: &str) -> usize {
        self.store.load(&[user(name)]).await.unwrap().sessions.len()
    }
}

fn liveness(presence: &Presence, name: &str) -> Liveness {
    presence.user(&user(name)).map_or(Liveness::Gone, |person| person.member.liveness)
}

#[tokio::test]
async fn a_session_is_alive_lapses_and_is_forgotten_on_one_handle() {
    let cluster = Cluster::new();
    let presence = cluster.process().await;
    presence.beat(enter("ann")).await.unwrap();
    presence.beat(enter("bob")).await.unwrap();
    for _ in 0..8 {
        cluster.pass(50).await;
        presence.beat(renew("ann")).await.unwrap();
    }
    // Both were active at most five minutes ago; only one of them has sent heartbeats since.
    assert_eq!((liveness(&presence, "ann"), liveness(&presence, "bob")), (Liveness::Idle, Liveness::Gone));
    assert_eq!(presence.everyone().counts(), Counts { online: 1, active: 0 });
    assert_eq!((cluster.stored("ann").await, cluster.stored("bob").await), (1, 0));
    presence.leave(Leave::new(user("ann"), tab()).immediately()).await.unwrap();
    cluster.pass(1).await;
    assert_eq!(liveness(&presence, "ann"), Liveness::Gone);
    cluster.pass(180).await;
    assert_eq!(cluster.stored("ann").await, 0);
    assert_eq!(presence.health().outbox, 0);
}

#[tokio::test]
async fn two_handles_of_one_store_see_each_others_sessions() {
    let cluster = Cluster::new();
    let (one, two) = (cluster.process().await, cluster.process().await);
    one.beat(enter("ann")).await.unwrap();
    two.beat(enter("bob")).await.unwrap();
    let held = one.hold(enter("eve")).unwrap();
    cluster.pass(1).await;
    let lobby = Topic::new("lobby").unwrap();
    for presence in [&one, &two] {
        assert_eq!(presence.topic(&lobby).counts(), Counts { online: 3, active: 3 });
    }
    for _ in 0..4 {
        cluster.pass(50).await;
        // Each process sends the heartbeats of the other's session.
        one.beat(renew("bob")).await.unwrap();
        two.beat(renew("ann")).await.unwrap();
    }
    for presence in [&one, &two] {
        assert_eq!(presence.topic(&lobby).counts().online, 3);
    }
    drop(held);
    cluster.pass(6).await;
    assert_eq!((liveness(&one, "eve"), liveness(&two, "eve")), (Liveness::Gone, Liveness::Gone));
}

#[tokio::test]
async fn the_held_sessions_of_a_dead_process_are_gone_within_ten_seconds() {
    let cluster = Cluster::new();
    let (one, two) = (cluster.process().await, cluster.process().await);
    let held = one.hold(enter("eve")).unwrap();
    cluster.pass(60).await;
    assert_eq!(liveness(&two, "eve"), Liveness::Active);
    // The process no longer runs, and writes nothing.
    std::mem::forget(held);
    drop(one);
    cluster.pass(10).await;
    assert_eq!(liveness(&two, "eve"), Liveness::Gone);
    cluster.pass(200).await;
    assert_eq!(cluster.stored("eve").await, 0);
}

#[tokio::test]
async fn a_full_store_is_reported_as_full_and_not_as_down() {
    let cluster = Cluster::new();
    let one = cluster.process().await;
    one.beat(enter("ann")).await.unwrap();
    let _ = cluster.store.clone().max_bytes(cluster.store.bytes());
    assert!(matches!(one.beat(enter("bob")).await, Err(Error::Full)));
    assert!(matches!(one.beat(renew("bob")).await, Err(Error::Full)));
    assert_eq!((liveness(&one, "bob"), one.health().sessions, one.health().outbox), (Liveness::Gone, 1, 0));
    assert_eq!(one.health().store, StoreHealth::Up);
    // Present sessions are renewed, and may leave.
    cluster.pass(30).await;
    one.beat(renew("ann")).await.unwrap();
    assert_eq!(liveness(&one, "ann"), Liveness::Active);
    one.leave(Leave::new(user("ann"), tab()).immediately()).await.unwrap();
    assert_eq!(liveness(&one, "ann"), Liveness::Gone);
    for _ in 0..20 {
        cluster.pass(10).await;
    }
    assert_eq!(cluster.store.bytes(), 0);
    one.beat(enter("bob")).await.unwrap();
}

#[tokio::test]
async fn last_seen_times_of_a_flood_of_users_keep_within_their_budget_in_the_store_too() {
    let cluster = Cluster::new();
    let policy = Policy::default().remember_for(secs(86_400));
    let presence = Presence::builder(cluster.store.clone())
        .clock(cluster.clock.clone())
        .policy(policy)
        .remember_bytes(100 * 76)
        .start()
        .unwrap();
    presence.ready().await;
    for n in 0..1_000 {
        presence.beat(enter(&format!("user-{n}"))).await.unwrap();
        if n % 10 == 9 {
            cluster.pass(1).await;
        }
    }
    cluster.pass(600).await;
    assert_eq!(cluster.store.bytes(), 0);
    let remembered = cluster.store.remembered();
    assert!((80..=100).contains(&remembered), "{remembered}");
}

/// The number of wake-ups in which the clock advances by `duration`.
async fn woken(clock: &ManualClock, duration: Duration) -> u64 {
    let before = clock.woken();
    clock.advance(duration).await;
    clock.woken() - before
}

#[tokio::test]
async fn the_number_of_wake_ups_does_not_depend_on_how_much_virtual_time_passes() {
    let cluster = Cluster::new();
    let policy = Policy::default().remember_for(Duration::from_hours(90 * 24));
    let builder = Presence::builder(cluster.store.clone()).clock(cluster.clock.clone()).policy(policy);
    let presence = builder.start().unwrap();
    presence.ready().await;
    cluster.pass(10).await;
    let start = presence.now();
    for n in 0..10 {
        presence.beat(enter(&format!("user-{n}"))).await.unwrap();
    }
    let hour = woken(&cluster.clock, Duration::from_hours(1)).await;
    assert!(hour <= 40, "{hour} wake-ups");
    let day = woken(&cluster.clock, Duration::from_hours(24)).await;
    assert!(day <= 10, "{day} wake-ups");
    // The user was seen yesterday, and everything else is as if the time had passed.
    let seen = presence.last_seen_as(&Viewer::Anyone, &user("user-3"));
    assert_eq!((seen, presence.now()), (Some(start), start + Duration::from_hours(25)));
    assert_eq!((presence.health().view.is_fresh(), presence.health().sessions), (true, 0));
    assert_eq!((cluster.store.bytes(), cluster.store.remembered()), (0, 10));
}

#[tokio::test]
async fn held_sessions_stay_alive_through_a_day_of_virtual_time_in_every_process() {
    let cluster = Cluster::new();
    let (one, two) = (cluster.process().await, cluster.process().await);
    cluster.pass(10).await;
    let holds: Vec<_> = (0..10).map(|n| one.hold(enter(&format!("user-{n}"))).unwrap()).collect();
    two.beat(enter("guest")).await.unwrap();
    cluster.pass(1).await;
    let mut seen = two.subscribe(&Scope::All);
    seen.next().await;
    let hour = woken(&cluster.clock, Duration::from_hours(1)).await;
    assert!(hour <= 10_000, "{hour} wake-ups");
    cluster.clock.advance(Duration::from_hours(23)).await;
    for presence in [&one, &two] {
        assert_eq!(presence.everyone().counts(), Counts { online: 10, active: 0 });
        assert!(presence.health().view.is_fresh());
    }
    // The held users turned idle, the guest lapsed, and nobody left in between.
    let Some(Update::Diff(changes)) = seen.next().await else { panic!("no diff") };
    assert_eq!(changes.left, [(user("guest"), LeftReason::Lapsed)]);
    assert_eq!((changes.joined.len(), changes.changed.len()), (0, 10));
    drop(holds);
    cluster.pass(6).await;
    assert_eq!((one.everyone().counts().online, two.everyone().counts().online), (0, 0));
}
