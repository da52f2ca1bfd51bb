//! Writing and reading all sessions.

use super::{Rig, runtime};
use crate::report::{self, Target};
use crate::watchers::Watchers;
use crate::{Outcome, cpu};
use presence_core::PresenceStore;
use presence_core::store::BATCH_ENTRIES;

/// Writes all sessions, and prints the memory of one.
pub fn fill(rig: &Rig<'_>) -> Outcome {
    let before = rig.server.info("used_memory")?;
    let store = rig.server.store()?;
    let people = &rig.people;
    runtime()?.block_on(async {
        for batch in people.sessions().chunks(BATCH_ENTRIES) {
            store.put(batch).await?;
        }
        Outcome::Ok(())
    })?;
    if rig.options.wants("load") {
        let each = (rig.server.info("used_memory")? - before) / people.len() as f64;
        report::section(&format!("{} sessions in the server", people.len()));
        report::alone("memory of the server for each", each, "B", &Target::None);
    }
    Ok(())
}

/// A new process reads all sessions.
pub fn run(rig: &Rig<'_>) -> Outcome {
    report::section(&format!("a new process reads {} sessions", rig.people.len()));
    let (mut wall, mut server, mut slowest, mut bytes) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    for _ in 0..rig.options.rounds {
        rig.server.note_slow_calls();
        let (sent, cpu, start) = (rig.server.info("total_net_output_bytes")?, rig.server.cpu()?, cpu::wall());
        let watchers = Watchers::start(|| rig.server.store(), 1)?;
        watchers.synced()?;
        wall.push((cpu::wall() - start) as f64 / 1e6);
        server.push((rig.server.cpu()? - cpu) as f64 / 1e6);
        bytes.push((rig.server.info("total_net_output_bytes")? - sent) / rig.people.len() as f64);
        slowest.push(rig.server.slowest()?);
    }
    let worst = slowest.into_iter().fold(0.0, f64::max);
    let [wall, server, bytes] = [wall, server, bytes].map(cpu::median);
    report::alone("from its start until all entries are delivered", wall, "ms", &Target::None);
    report::alone("CPU of the server", server, "ms", &Target::None);
    report::alone("bytes sent for each session", bytes, "B", &Target::None);
    report::alone(
        "the longest call of the server in all rounds, wall",
        worst,
        "ms",
        &Target::ValueAtMost(20.0),
    );
    Ok(())
}
