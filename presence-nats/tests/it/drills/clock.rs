//! The server's clock steps, and the time of presence continues without a step.

use super::world::{Crowd, Process, hold_all, is_all, policy};
use crate::rig::{self, unique};
use presence_core::Presence;
use presence_nats::Storage;
use std::collections::BTreeSet;
use std::time::Duration;
use test_servers::nats::{FalseClock, Nats};

/// Waits for a condition, for less than the shortest step of the clock. If time stood still until
/// the clock has caught up, this would fail.
async fn soon(what: &str, mut holds: impl FnMut() -> bool) {
    let within = tokio::time::timeout(Duration::from_secs(35), async {
        while !holds() {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    });
    assert!(within.await.is_ok(), "waited in vain: {what}");
}

/// Steps the server's clock and checks that no process is affected. The server is real, but its
/// clock is simulated: see [`FalseClock`].
async fn nobody_notices(server: Nats, steps: &[i64]) {
    let (clock, name) = (FalseClock::before(&server), unique());
    let policy = || policy().lease_for(Duration::from_secs(8)).held_for(Duration::from_secs(8));
    let open = || rig::at(&clock.url(), rig::options(&name, Storage::File));
    // The clock is already wrong when the first process reads it.
    clock.set(-300);
    let (one, other) = (Process::with(open(), policy()).await, Process::with(open(), policy()).await);
    let crowd = Crowd::at(&one.presence, "beats", 10);
    let held = hold_all(&one, "held", 10);
    let mut gone = BTreeSet::new();
    for (round, ahead) in steps.iter().enumerate() {
        let silent = Crowd::at(&one.presence, &format!("silent{round}"), 5);
        let leaves = hold_all(&other, &format!("leaves{round}"), 5);
        let is = |process: &Process, count| process.online("/start") == count && process.is_fresh();
        soon("everybody is seen", || is(&one, 30) && is(&other, 30)).await;
        clock.set(*ahead);
        gone.extend(silent.users.iter().cloned());
        gone.extend(leaves.iter().map(|hold| hold.key().user.clone()));
        drop((silent, leaves));
        // A process that starts after the step has only the server's time.
        let store = open();
        let late = Presence::builder(store.clone()).policy(policy()).start().unwrap();
        let late = Process::of(late, store).await;
        soon("who left and who is silent are gone", || is(&one, 20) && is(&other, 20)).await;
        soon("a newcomer sees the same", || is(&late, 20)).await;
        let times = [&one, &other, &late].map(|process| process.presence.now());
        let apart = times.iter().max().unwrap().since(*times.iter().min().unwrap());
        assert!(apart < Duration::from_secs(10), "{ahead} s ahead, the processes' times differ by {apart:?}");
        // Wait until every session that the step could affect would have lapsed.
        let later = times[0] + policy().lease_for + Duration::from_secs(1);
        soon("time goes on", || one.presence.now() > later).await;
        for process in [&one, &other, &late] {
            assert!(is(process, 20));
        }
        assert_eq!((one.saw_leave(), other.saw_leave()), (gone.clone(), gone.clone()));
        assert!(late.saw_leave().is_subset(&gone));
    }
    drop((crowd, held));
    drop((one, other));
    tokio::task::spawn_blocking(move || drop((clock, server))).await.unwrap();
}

/// The clock steps back by 45 s and ahead again; when all drills are run, by an hour as well.
#[tokio::test]
async fn no_session_is_affected_when_the_clock_of_a_server_steps() {
    let server = tokio::task::spawn_blocking(Nats::start).await.unwrap();
    let steps: &[i64] = if is_all() { &[-345, -300, -255, -3_900, 3_300, 0] } else { &[-345, -300] };
    nobody_notices(server, steps).await;
}

#[tokio::test]
async fn no_session_is_affected_when_the_clock_of_an_old_server_steps() {
    let server = tokio::task::spawn_blocking(Nats::old).await.unwrap();
    let steps: &[i64] = if is_all() { &[-345, -300, -3_900, 3_300] } else { &[-345] };
    nobody_notices(server, steps).await;
}
