//! In every order of events, a node with a working watch shows the content of the store.

use super::Scene;
use hub_and_spoke::lookaside::Bounds;
use hub_and_spoke::status::is_current;
use presence_core::{Clock, Status};
use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};
use std::time::Duration;

#[derive(Debug, Clone)]
enum Step {
    Set(u8, u8, u16),
    Clear(u8),
    Read(u8),
    Advance(u16),
    Disorder(u64),
    Order,
}

const STATUSES: [Status; 4] = [Status::Online, Status::Away, Status::Busy, Status::Offline];

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        4 => (0..6_u8, 0..4_u8, 1..20_u16).prop_map(|(user, status, ttl)| Step::Set(user, status, ttl)),
        1 => (0..6_u8).prop_map(Step::Clear),
        4 => (0..6_u8).prop_map(Step::Read),
        3 => (0..4_000_u16).prop_map(Step::Advance),
        1 => any::<u64>().prop_map(Step::Disorder),
        1 => Just(Step::Order),
    ]
}

fn name(user: u8) -> String {
    format!("user-{user}")
}

async fn live(bytes: u64, steps: &[Step]) {
    let scene = Scene::of(Bounds { bytes, counters: 100 }).await;
    for step in steps {
        match step {
            Step::Set(user, status, ttl) => {
                let ttl = Duration::from_secs((*ttl).into());
                scene.set_for(&name(*user), STATUSES[usize::from(*status)], ttl).await;
            }
            Step::Clear(user) => scene.clear(&name(*user)).await,
            Step::Read(user) => drop(scene.shown(&name(*user)).await),
            Step::Advance(millis) => scene.clock.advance(Duration::from_millis((*millis).into())).await,
            Step::Disorder(seed) => scene.faults().disorder(*seed),
            Step::Order => scene.faults().order(),
        }
    }
    // Everything that is under way arrives.
    scene.faults().order();
    scene.advance(2).await;
    assert!(!scene.lookaside.is_stale());
    for user in 0..6 {
        let held = scene.held(&name(user)).filter(|held| is_current(held, scene.clock.now()));
        let status = held.and_then(|held| held.declared).map(|declared| declared.status);
        assert_eq!(scene.shown(&name(user)).await, status, "{}", name(user));
    }
}

#[test]
fn a_node_with_a_working_watch_shows_the_content_of_the_store() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let mut runner = TestRunner::new(Config { failure_persistence: None, ..Config::with_cases(200) });
    // Budgets for no entry, for two or three, and for all.
    let bytes = prop::sample::select(vec![0, 1_200, 1_000_000]);
    runner
        .run(&(bytes, prop::collection::vec(step(), 0..40)), |(bytes, steps)| {
            runtime.block_on(live(bytes, &steps));
            Ok(())
        })
        .unwrap();
}
