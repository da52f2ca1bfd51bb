//! Reading one user: from a complete replica, and by a request.

use super::Rig;
use crate::people::Order;
use crate::report::{self, Target};
use crate::sessions::People;
use crate::{Outcome, cpu};
use presence_core::store::{BATCH_ENTRIES, Session};
use presence_core::{Clock, Presence, PresenceStore, SystemClock};
use std::hint::black_box;
use std::time::Duration;

pub fn run(rig: &Rig<'_>) -> Outcome {
    let people = People::since(rig.people.len(), SystemClock.now(), Duration::from_hours(1));
    report::section(&format!("one of {} users, microseconds of wall time", people.len()));
    let store = rig.runtime.block_on(async { rig.server.store("reads") })?;
    let presence = rig.runtime.block_on(async {
        for batch in people.sessions().chunks(BATCH_ENTRIES) {
            store.put(batch).await?;
        }
        let presence = Presence::builder(store.clone()).start()?;
        presence.ready().await;
        Outcome::Ok(presence)
    })?;
    let (here, there) = if rig.options.quick { (100_000, 1_000) } else { (1_000_000, 5_000) };
    let mut order = Order::Random(7);
    let mut rounds: [Vec<f64>; 6] = Default::default();
    for _ in 0..rig.options.rounds {
        let user = local(&people, &mut order, here, |session| presence.user(&session.user).is_some())?;
        let key = local(&people, &mut order, here, |session| presence.session(&session.key()).is_some())?;
        let load = cpu::median(rig.runtime.block_on(async {
            let mut taken = Vec::with_capacity(there);
            for _ in 0..there {
                let session = &people.sessions()[order.next(people.len())];
                let start = cpu::wall();
                let found = store.load(std::slice::from_ref(&session.user)).await?;
                taken.push((cpu::wall() - start) as f64 / 1e3);
                if found.sessions.len() != 1 {
                    return Err("a user who is there was not found".into());
                }
            }
            Outcome::Ok(taken)
        })?);
        let asked = cpu::median(rig.runtime.block_on(rig.raw.asked(there))?);
        let figures = [user, key, load, user / load, asked, load / asked];
        rounds.iter_mut().zip(figures).for_each(|(round, figure)| round.push(figure));
    }
    let [user, key, load, ratio, asked, times] = rounds.map(cpu::median);
    let target = Target::AtMost(0.01);
    report::beside("Presence::user; the limit is load", (user, load), "us", ratio, &target);
    report::beside("Presence::session; the limit is load", (key, load), "us", key / load, &target);
    let what = "Presence::user; the limit is request and reply";
    report::beside(what, (user, asked), "us", user / asked, &target);
    report::beside("load, p50; the limit is request and reply", (load, asked), "us", times, &Target::None);
    Ok(())
}

/// Microseconds for each read.
fn local(people: &People, order: &mut Order, reads: usize, read: impl Fn(&Session) -> bool) -> Outcome<f64> {
    let start = cpu::wall();
    for _ in 0..reads {
        if !black_box(read(&people.sessions()[order.next(people.len())])) {
            return Err("a user who is there is not known".into());
        }
    }
    Ok((cpu::wall() - start) as f64 / reads as f64 / 1e3)
}
