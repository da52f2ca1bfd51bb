//! To others, a hidden user looks exactly like one who left at that moment: two servers that differ
//! only in the actions of such a user send the same bytes on every route and stream.

mod follower;
mod full;
mod plain;
mod world;

use follower::Follower;
use presence_core::{Activity, Beat, LastSeen, Leave, Policy, SessionKey, Status};
use std::time::Duration;
use world::{World, key, topics};

/// The number of histories; `PRESENCE_SEEDS` runs more, `PRESENCE_SEED` a single one.
const SEEDS: u64 = 48;
struct Rng(u64);

impl Rng {
    fn below(&mut self, bound: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % bound
    }
}

/// Actions of the other users, in both worlds.
async fn others(rng: &mut Rng, worlds: &[World; 2]) {
    let user = ["a", "b", "c"][usize::try_from(rng.below(3)).unwrap()];
    let (key, topic, what) = (key(user, rng.below(2)), format!("t{}", rng.below(3)), rng.below(5));
    for world in worlds {
        let SessionKey { user, id } = key.clone();
        match what {
            0 | 1 => world.beat(Beat::enter(user, id).topics(topics(std::slice::from_ref(&topic)))).await,
            2 => world.beat(Beat::renew(user, id).activity(Activity::Now)).await,
            3 => world.presence.leave(Leave::new(user, id).immediately()).await.unwrap(),
            _ => world.beat(Beat::renew(user, id).declares(Status::Busy)).await,
        }
    }
}

/// Actions of the hidden user that nobody must see. The session with the status stays.
async fn hides(rng: &mut Rng, world: &World) {
    let SessionKey { user, id } = key("h", rng.below(3));
    let topic = ["t0", "t1", "t2", "hidden"][usize::try_from(rng.below(4)).unwrap()].to_owned();
    match rng.below(6) {
        0 => world.beat(Beat::enter(user, id).topics(topics(&[topic]))).await,
        1 => world.beat(Beat::renew(user, id).topics(topics(&[topic, "t0".to_owned()]))).await,
        2 => world.beat(Beat::renew(user, id).activity(Activity::Now)).await,
        3 => world.presence.leave(Leave::new(user, key("h", 1).id).immediately()).await.unwrap(),
        4 => drop(world.presence.hold(Beat::enter(user, key("h", 2).id)).unwrap()),
        _ => {
            world
                .beat(Beat::renew(user, key("h", 3).id).activity(Activity::Ago(Duration::from_secs(5))))
                .await;
        }
    }
    let SessionKey { user, id } = key("h", 0);
    world.beat(Beat::renew(user, id)).await;
}

async fn play(seed: u64, with_sockets: bool) {
    let mut rng = Rng((seed + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15));
    let remember_for = (rng.below(2) == 0).then_some(Duration::from_mins(5));
    // At every precision of the last-seen time.
    let last_seen = [LastSeen::Exact, LastSeen::Coarse, LastSeen::Hidden];
    let last_seen = last_seen[usize::try_from(seed % 3).unwrap()];
    let policy = || Policy::default().remember_for(remember_for).last_seen(last_seen);
    let mut worlds = [World::new(policy()).await, World::new(policy()).await];
    if with_sockets {
        for world in &mut worlds {
            world.socket = Some(Follower::of(world).await);
        }
    }
    let steps = 6 + rng.below(12);
    let hides_at = rng.below(steps / 2);
    let mut is_hidden = false;
    for step in 0..steps {
        if step == hides_at {
            // One session only: two leaves would have two times.
            for world in &worlds {
                let SessionKey { user, id } = key("h", 0);
                world.beat(Beat::enter(user, id).topics(topics(&["t0".to_owned(), "t1".to_owned()]))).await;
            }
            for world in &worlds {
                world.pass(Duration::from_secs(1)).await;
            }
            let [hidden, left] = &mut worlds;
            assert_eq!(hidden.shown().await, left.shown().await, "before, seed {seed}");
            if with_sockets {
                // Both are sent before the next step, or a frame could have both.
                assert_eq!(
                    hidden.followed(1_000).await.0,
                    left.followed(1_000).await.0,
                    "before, seed {seed}"
                );
            }
            worlds[0].presence.declare(key("h", 0), Status::Offline).await.unwrap();
            let SessionKey { user, id } = key("h", 0);
            worlds[1].presence.leave(Leave::new(user, id).immediately()).await.unwrap();
            is_hidden = true;
        }
        others(&mut rng, &worlds).await;
        if is_hidden && rng.below(8) > 0 {
            hides(&mut rng, &worlds[0]).await;
        }
        let by =
            Duration::from_millis([0, 200, 1_500, 6_000, 31_000][usize::try_from(rng.below(5)).unwrap()]);
        for world in &worlds {
            world.pass(by).await;
        }
        let [hidden, left] = &mut worlds;
        for (hidden, left) in hidden.shown().await.into_iter().zip(left.shown().await) {
            assert_eq!(hidden, left, "seed {seed}, step {step}");
        }
        if with_sockets {
            let [hidden, left] = &mut worlds;
            assert_eq!(hidden.followed(step).await, left.followed(step).await, "seed {seed}, step {step}");
        }
    }
}

#[tokio::test]
async fn actions_of_a_hidden_user_change_no_byte_of_what_others_get() {
    let number = |name: &str| std::env::var(name).ok().and_then(|text| text.parse::<u64>().ok());
    let seeds = match number("PRESENCE_SEED") {
        Some(seed) => seed..seed + 1,
        None => 0..number("PRESENCE_SEEDS").unwrap_or(SEEDS),
    };
    for seed in seeds {
        play(seed, false).await;
    }
}

#[tokio::test]
async fn actions_of_a_hidden_user_change_nothing_that_others_get_over_a_socket() {
    for seed in 0..12 {
        play(seed, true).await;
    }
}
