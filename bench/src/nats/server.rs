//! The measured server.

use crate::Outcome;
use presence_nats::async_nats::ConnectOptions;
use presence_nats::{Namespace, NatsStore, Options, Storage};
use std::time::Duration;
use test_servers::nats::Nats;

/// How long the server keeps renewals.
pub const BEATS_FOR: Duration = Duration::from_secs(2);
/// The longest lease that is renewed in this way.
pub const LEASE: Duration = Duration::from_millis(1_600);

pub struct Server {
    process: Nats,
    storage: Storage,
}

impl Server {
    pub fn start(file: bool) -> Self {
        Self { process: Nats::start(), storage: if file { Storage::File } else { Storage::Memory } }
    }

    /// One more handle, like that of another process.
    pub fn store(&self, namespace: &str) -> Outcome<NatsStore> {
        let options = Options::new(Namespace::new(namespace)?)
            .storage(self.storage)
            // In seconds the benchmark renews as often as 100,000 sessions do in ten minutes; a
            // starting watch then reads a realistic number of renewals.
            .beats_for(BEATS_FOR)
            // The benchmark measures how long calls take on a busy machine, so they must not time
            // out.
            .call_timeout(Duration::from_secs(10));
        Ok(NatsStore::connect(&self.url(), ConnectOptions::new(), options)?)
    }

    pub fn url(&self) -> String {
        self.process.url()
    }

    /// The version and the storage.
    pub fn what(&self) -> String {
        let info = self.process.request("$JS.API.INFO", "");
        let level = number(&info, "\"level\":").unwrap_or_default();
        format!("NATS, JetStream level {level}, {:?} storage", self.storage)
            .replace("File", "file")
            .replace("Memory", "memory")
    }

    /// Nanoseconds of processor time of all its threads, in steps of 10 ms.
    pub fn cpu(&self) -> f64 {
        self.process.cpu().as_nanos() as f64
    }

    /// The size of the bucket, in bytes.
    pub fn bytes(&self, namespace: &str) -> Outcome<f64> {
        let info = self.process.request(&format!("$JS.API.STREAM.INFO.KV_{namespace}"), "");
        Ok(number(&info, "\"bytes\":").ok_or("the server does not say how large the bucket is")?)
    }
}

/// The number after this name.
fn number(text: &str, name: &str) -> Option<f64> {
    let (_, rest) = text.split_once(name)?;
    rest.split(|c: char| !c.is_ascii_digit()).next()?.parse().ok()
}
