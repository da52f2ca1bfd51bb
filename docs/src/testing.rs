//! Tests that a user goes idle and lapses, without waiting: a `ManualClock` is advanced.

use presence_core::testing::ManualClock;
use presence_core::{Beat, Liveness, Policy, Presence, SessionId, Timestamp, UserId};
use presence_memory::MemoryStore;
use std::error::Error;
use std::time::Duration;

/// A test of your own looks the same, with `#[tokio::test]` instead of `#[tokio::main]`.
#[tokio::main(flavor = "current_thread")]
pub async fn main() -> Result<(), Box<dyn Error>> {
    // The same clock for the store and for presence. Time passes only in `advance`.
    let clock = ManualClock::at(Timestamp::from_secs(1_700_000_000));
    let policy = Policy::default().active_for(Duration::from_secs(30));
    let store = MemoryStore::with_clock(clock.clone());
    let presence = Presence::builder(store.clone()).clock(clock.clone()).policy(policy.clone()).start()?;
    // Another process on the same store.
    let other = Presence::builder(store).clock(clock.clone()).policy(policy).start()?;
    other.ready().await;

    let (ada, tab) = (UserId::new("ada")?, SessionId::new("tab")?);
    presence.beat(Beat::enter(ada.clone(), tab.clone())).await?;
    clock.advance(Duration::from_millis(500)).await; // the other process receives it
    assert_eq!(liveness(&other, &ada), Liveness::Active);

    clock.advance(Duration::from_secs(30)).await;
    assert_eq!(liveness(&other, &ada), Liveness::Idle);

    presence.beat(Beat::renew(ada.clone(), tab)).await?; // alive, though not active
    clock.advance(Duration::from_secs(59)).await;
    assert_eq!(liveness(&other, &ada), Liveness::Idle);

    clock.advance(Duration::from_secs(2)).await; // the lease is a minute
    assert_eq!(liveness(&other, &ada), Liveness::Gone);
    Ok(())
}

fn liveness(presence: &Presence, user: &UserId) -> Liveness {
    presence.user(user).map_or(Liveness::Gone, |known| known.member.liveness)
}
