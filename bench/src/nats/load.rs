//! Writing and reading all sessions.

use super::Rig;
use super::raw::Raw;
use crate::report::{self, Target};
use crate::watchers::Watchers;
use crate::{Outcome, cpu};
use presence_core::PresenceStore;
use presence_core::store::BATCH_ENTRIES;

/// Writes all sessions, and prints the memory of one.
pub fn fill(rig: &Rig<'_>) -> Outcome {
    rig.runtime.block_on(async {
        for batch in rig.people.sessions().chunks(BATCH_ENTRIES) {
            rig.store.put(batch).await?;
        }
        Outcome::Ok(())
    })?;
    let people = rig.people.len();
    report::section(&format!("{people} sessions in the server"));
    let bytes = rig.server.bytes("bench")? / people as f64;
    report::alone("bytes in the bucket for each", bytes, "B", &Target::None);
    Ok(())
}

pub fn run(rig: &Rig<'_>) -> Outcome {
    let people = rig.people.len();
    report::section(&format!(
        "a new process reads {people} sessions; the limit is core publish to one subscriber"
    ));
    let mut rounds: [Vec<f64>; 6] = Default::default();
    for _ in 0..rig.options.rounds {
        let raw = rig.runtime.block_on(rig.raw.published(Raw::messages(rig.options.quick)))?;
        let (server, start) = (rig.server.cpu(), cpu::wall());
        let watchers = Watchers::start(|| rig.server.store("bench"), 1)?;
        watchers.synced()?;
        let taken = (cpu::wall() - start) as f64;
        if watchers.facts() < people as u64 {
            return Err(format!("{} of {people} sessions were read", watchers.facts()).into());
        }
        let rate = people as f64 / taken * 1e9;
        let figures = [taken / 1e9, rate, raw, rate / raw, rig.server.cpu() - server, watchers.cpu() as f64];
        rounds.iter_mut().zip(figures).for_each(|(round, figure)| round.push(figure));
    }
    let [taken, rate, raw, ratio, server, client] = rounds.map(cpu::median);
    report::alone("from its start until all entries are delivered", taken, "s", &Target::ValueAtMost(1.0));
    report::beside("sessions read", (rate / 1e3, raw / 1e3), "k/s", ratio, &Target::AtLeast(0.3));
    report::alone("CPU of the server for each", server / people as f64 / 1e3, "us", &Target::None);
    report::alone("CPU of the client for each", client / people as f64 / 1e3, "us", &Target::None);
    Ok(())
}
