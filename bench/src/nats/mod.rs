//! `presence-nats`, compared with plain NATS on the same server in the same round.

mod feed;
mod load;
mod puts;
mod raw;
mod reads;
mod server;
mod touches;

use crate::report;
use crate::sessions::People;
use crate::watchers::Watchers;
use crate::{Outcome, options::Options};
use futures_util::StreamExt;
use presence_core::PresenceStore;
use presence_core::store::{BATCH_ENTRIES, FeedEvent};
use presence_nats::NatsStore;
use raw::Raw;
use server::Server;
use std::cell::OnceCell;
use std::time::Duration;
use tokio::runtime::Runtime;

/// What all parts share. All clients except watchers run on one thread, since the server needs the
/// other processor.
struct Rig<'r> {
    options: &'r Options,
    server: &'r Server,
    runtime: &'r Runtime,
    raw: Raw,
    people: People,
    /// Has written all sessions, and has no watch.
    store: NatsStore,
    process: OnceCell<NatsStore>,
}

impl Rig<'_> {
    /// The duration of one measurement, in milliseconds.
    fn millis(&self) -> u64 {
        if self.options.quick { 300 } else { 1_000 }
    }

    /// A handle as a process has it: with a watch, and with all sessions known as its own.
    fn process(&self) -> Outcome<&NatsStore> {
        if let Some(store) = self.process.get() {
            return Ok(store);
        }
        let store = self.runtime.block_on(async {
            let store = self.server.store("bench")?;
            let mut feed = store.watch();
            while !matches!(feed.next().await.ok_or("a watch ended")?, FeedEvent::Synced { .. }) {}
            let watched = store.clone();
            tokio::spawn(async move {
                loop {
                    while feed.next().await.is_some() {}
                    feed = watched.watch();
                }
            });
            for _ in 0..self.people.len().div_ceil(BATCH_ENTRIES) {
                store.touch(&self.people.touches(BATCH_ENTRIES)).await?;
            }
            Outcome::Ok(store)
        })?;
        Ok(self.process.get_or_init(|| store))
    }

    /// Handles of this many other processes, whose watches are complete.
    fn watchers(&self, count: usize) -> Outcome<Watchers> {
        // Earlier renewals would expire while they are read, which ends a watch.
        self.runtime.block_on(async { tokio::time::sleep(server::BEATS_FOR * 5 / 4).await });
        let watchers = Watchers::start(|| self.server.store("bench"), count)?;
        // Meanwhile the other handles continue to read.
        self.runtime.block_on(async {
            while !watchers.is_synced()? {
                tokio::time::sleep(Duration::from_micros(200)).await;
            }
            Ok(watchers)
        })
    }
}

pub fn run(options: &Options) -> Outcome {
    type Part = fn(&Rig<'_>) -> Outcome;
    let parts: [(&str, Part); 5] = [
        ("puts", puts::run),
        ("touches", touches::run),
        ("feed", feed::run),
        ("load", load::run),
        ("reads", reads::run),
    ];
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let server = Server::start(options.file);
    report::head(&server.what(), options.rounds);
    let raw = runtime.block_on(Raw::connect(&server))?;
    let store = runtime.block_on(async { server.store("bench") })?;
    let people = People::with_leases(if options.quick { 20_000 } else { 100_000 }, server::LEASE);
    let rig =
        Rig { options, server: &server, runtime: &runtime, raw, people, store, process: OnceCell::new() };
    load::fill(&rig)?;
    parts.iter().filter(|(part, _)| options.wants(part)).try_for_each(|(_, run)| run(&rig))
}
