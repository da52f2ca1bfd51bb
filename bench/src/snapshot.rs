//! The sorted list of active users, serialised at each tick.

use crate::clock::Shifted;
use crate::people;
use crate::report::{self, Target};
use crate::{Outcome, cpu, handle, options::Options};
use presence_core::{Beat, Leave, UserId, Users};

pub fn run(options: &Options) -> Outcome {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(tick(options, options.sessions / 10))
}

async fn tick(options: &Options, people: usize) -> Outcome {
    report::section(&format!(
        "a tick with {people} users, 1 % of them join or leave; the limit is serde_json over a ready list, ms of CPU"
    ));
    let clock = Shifted::default();
    let presence = handle::full(people, &clock).await?;
    let everyone = presence.everyone();
    let online = everyone.sorted(|sorted| sorted.active.len() + sorted.idle.len());
    assert_eq!(online, people, "everybody is here");
    let mut here: Vec<bool> = vec![true; people];
    let mut order = people::Order::Random(5);
    let topics = people::topics();
    let (mut taken, mut limit, mut update, mut written) = (Vec::new(), Vec::new(), Vec::new(), 0);
    for _ in 0..=options.rounds * 3 {
        for _ in 0..people / 100 {
            let person = order.next(people);
            here[person] = !here[person];
            let Beat { user, session, .. } = people::renews(person);
            if here[person] {
                presence.beat(people::enters(person, &topics)).await?;
            } else {
                presence.leave(Leave::new(user, session).immediately()).await?;
            }
        }
        // Sorts in the changes, then makes the bytes of a frame.
        let start = cpu::thread();
        everyone.sorted(|_| ());
        let sorted = cpu::thread();
        let frame = everyone.sorted(|sorted| render(&sorted.active, &sorted.idle))?;
        let done = cpu::thread();
        update.push((sorted - start) as f64 / 1e6);
        taken.push((done - start) as f64 / 1e6);
        written = frame.len();
        let names: Vec<UserId> = everyone.sorted(|s| s.active.iter().chain(&s.idle).cloned().collect());
        let ready: Vec<&str> = names.iter().map(UserId::as_str).collect();
        limit.push(cpu::of(|| drop(std::hint::black_box(serde_json::to_vec(&ready)))) as f64 / 1e6);
    }
    let both = (cpu::median(taken), cpu::median(limit));
    let what = format!("sorting in and rendering {} kB", written / 1000);
    report::beside(&what, both, "ms", both.0 / both.1, &Target::AtMost(2.0));
    report::alone("of this, sorting in", cpu::median(update), "ms", &Target::None);
    Ok(())
}

/// The data of a service's stream: two sorted lists in an object.
fn render(active: &Users, idle: &Users) -> serde_json::Result<Vec<u8>> {
    let mut frame = Vec::with_capacity(16 * (active.len() + idle.len()) + 64);
    frame.extend_from_slice(b"data: {\"active\":");
    serde_json::to_writer(&mut frame, active)?;
    frame.extend_from_slice(b",\"idle\":");
    serde_json::to_writer(&mut frame, idle)?;
    frame.extend_from_slice(b"}\n\n");
    Ok(frame)
}
