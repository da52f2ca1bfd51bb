//! The scripts: one per verb, each atomic within a shard.

use crate::keys::{KEYS_PER_SHARD, Keys};
use crate::wire::connection::Connection;
use presence_core::Policy;
use redis::{Cmd, ErrorKind, RedisResult, ServerErrorKind, Value, cmd};
use std::sync::LazyLock;
use std::time::Duration;

/// A script as the server runs it.
pub struct Script {
    code: String,
    hash: String,
}

macro_rules! scripts {
    ($($(#[$doc:meta])* $name:ident = $file:literal;)*) => {
        $(
            $(#[$doc])*
            pub static $name: LazyLock<Script> = LazyLock::new(|| {
                Script::new(concat!(include_str!("../lua/shard.lua"), include_str!(concat!("../lua/", $file))))
            });
        )*
    };
}

scripts! {
    /// Merges sessions.
    PUT = "put.lua";
    /// Moves times forward.
    TOUCH = "touch.lua";
    /// Merges records of users.
    REMEMBER = "remember.lua";
    /// Drops what has not been seen since.
    FORGET = "forget.lua";
    /// Reads users.
    LOAD = "load.lua";
    /// Greets a server.
    HELLO = "hello.lua";
    /// Reads epoch and number of a shard.
    LOOK = "look.lua";
    /// Proves the time of a shard by a write.
    PROVE = "prove.lua";
    /// Reads a slice of a shard.
    SCAN = "scan.lua";
    /// Reads a slice of the users' records of a shard.
    RECORDS = "records.lua";
    /// Reads the time.
    NOW = "now.lua";
}

/// What every script is told; see `shard.lua`.
pub struct Header {
    publish: &'static str,
    shards: u16,
    keep_millis: u64,
    policy: String,
}

impl Header {
    /// `policy` is that of this process, if it is to be compared with that of the others.
    pub fn new(publish: &'static str, shards: u16, keep_for: Duration, policy: Option<&Policy>) -> Self {
        let keep_millis = u64::try_from(keep_for.as_millis()).unwrap_or(u64::MAX);
        Self { publish, shards, keep_millis, policy: policy.map(in_words).unwrap_or_default() }
    }

    /// How many shards the namespace is reckoned to have.
    pub fn shards(&self) -> u16 {
        self.shards
    }

    /// This process's policy in words; empty if it is not compared.
    pub fn policy(&self) -> &str {
        &self.policy
    }
}

fn in_words(policy: &Policy) -> String {
    // How long users are remembered is no window by which anything is judged.
    let Policy { lease_for, held_for, active_for, grace, declared_counts, remember_for: _, last_seen: _ } =
        policy;
    format!(
        "lease {lease_for:?}, held {held_for:?}, active {active_for:?}, grace {grace:?}, declared {declared_counts}"
    )
}

impl Script {
    /// A script that is not told of shards, from its whole code.
    pub fn new(code: &str) -> Self {
        Self { hash: redis::Script::new(code).get_hash().to_owned(), code: code.to_owned() }
    }

    /// A call with so many keys; they and the arguments follow.
    pub fn begin(&self, keys: usize) -> Cmd {
        let mut call = cmd("EVALSHA");
        call.arg(&self.hash).arg(keys);
        call
    }

    /// A call with the keys of these shards; the script's own arguments follow.
    pub fn of<'k>(&self, header: &Header, shards: impl ExactSizeIterator<Item = &'k Keys>) -> Cmd {
        let mut call = self.begin(shards.len() * KEYS_PER_SHARD);
        for keys in shards {
            call.arg(&keys.names());
        }
        // A draw for each call: whichever call makes a shard, its epoch is new.
        let epoch = format!("{:016x}", presence_core::random::u64());
        call.arg(header.publish).arg(header.shards).arg(epoch).arg(header.keep_millis).arg(&header.policy);
        call
    }

    /// Sends a call of this script; teaches it to a server that does not know it.
    pub async fn call(&self, connection: &mut Connection, call: &Cmd) -> RedisResult<Value> {
        let told = connection.send(call).await;
        match told {
            Err(error) if error.kind() == ErrorKind::Server(ServerErrorKind::NoScript) => {
                let mut whole = cmd("EVAL");
                whole.arg(&self.code);
                for argument in call.args_iter().skip(2) {
                    if let redis::Arg::Simple(argument) = argument {
                        whole.arg(argument);
                    }
                }
                connection.send(&whole).await
            }
            told => told,
        }
    }
}
