//! The measured server.

use crate::{Outcome, process};
use presence_core::PresenceStore;
use presence_redis::{Namespace, Options, RedisStore};
use test_servers::redis::Redis;

/// The longest call in its slow log, in microseconds.
const SLOWEST: &str = "local most = 0 \
    for _, call in ipairs(redis.call('SLOWLOG', 'GET', 100000)) do most = math.max(most, call[3]) end \
    return most";

pub struct Server {
    process: Redis,
    options: Options,
}

impl Server {
    #[expect(clippy::expect_used, reason = "letters are a valid name")]
    pub fn start(valkey: bool, shards: Option<u16>) -> Self {
        let process = if valkey { Redis::valkey() } else { Redis::start() };
        let options = Options::new(Namespace::new("bench").expect("a valid name")).shards(shards);
        process.command(&["CONFIG", "SET", "slowlog-max-len", "100000"]);
        Self { process, options }
    }

    /// One more handle, like that of another process.
    pub fn store(&self) -> Outcome<RedisStore> {
        Ok(RedisStore::connect(&self.process.url(), self.options.clone())?)
    }

    pub fn port(&self) -> u16 {
        self.process.port()
    }

    /// The version, and the number of shards of the store.
    pub fn version(&self) -> String {
        let info = self.process.command(&["INFO", "server"]);
        let of = |name: &str| info.lines().find_map(|line| line.trim().strip_prefix(name).map(str::to_owned));
        let valkey = of("valkey_version:").map(|version| format!("Valkey {version}"));
        let version =
            valkey.or_else(|| of("redis_version:").map(|version| format!("redis-server {version}")));
        let shards = self.store().map_or(0, |store| store.shards());
        format!("{}, shards: {shards}", version.unwrap_or_default())
    }

    /// Nanoseconds of processor time of its main thread, which does all the work.
    pub fn cpu(&self) -> Outcome<u64> {
        Ok(process::times(self.process.pid())?.0)
    }

    /// A number in the output of `INFO`.
    pub fn info(&self, name: &str) -> Outcome<f64> {
        let info = self.process.command(&["INFO", "all"]);
        let found = info.lines().find_map(|line| line.trim().strip_prefix(name)?.strip_prefix(':'));
        Ok(found.ok_or_else(|| format!("INFO has no {name}"))?.parse()?)
    }

    /// Starts recording calls of a millisecond and more.
    pub fn note_slow_calls(&self) {
        self.process.command(&["CONFIG", "SET", "slowlog-log-slower-than", "1000"]);
        self.process.command(&["SLOWLOG", "RESET"]);
    }

    /// The longest call since then in milliseconds, or 1 if none was recorded: wall time, including
    /// waits for a processor.
    pub fn slowest(&self) -> Outcome<f64> {
        let micros: f64 = self.process.command(&["EVAL", SLOWEST, "0"]).parse()?;
        self.process.command(&["CONFIG", "SET", "slowlog-log-slower-than", "-1"]);
        Ok((micros / 1e3).max(1.0))
    }
}
