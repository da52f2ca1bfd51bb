//! The Lua scripts: one per verb, each atomic within a shard.

use crate::keys::{KEYS_PER_SHARD, Keys};
use crate::wire::connection::Connection;
use presence_core::Policy;
use redis::{Cmd, ErrorKind, RedisResult, ServerErrorKind, Value, cmd};
use std::sync::LazyLock;
use std::time::Duration;

/// A script with its hash.
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
    /// Renews sessions and nodes.
    TOUCH = "touch.lua";
    /// Merges user records.
    REMEMBER = "remember.lua";
    /// Deletes what has not been seen since a given time.
    FORGET = "forget.lua";
    /// Reads the sessions and records of users.
    LOAD = "load.lua";
    /// Checks a server before it is used.
    HELLO = "hello.lua";
    /// Reads the epoch of a shard and the number of its last message.
    INSPECT = "inspect.lua";
    /// Proves the time of a shard by a write.
    PROVE = "prove.lua";
    /// Reads a slice of a shard's sessions.
    SCAN = "scan.lua";
    /// Reads a slice of a shard's user records.
    RECORDS = "records.lua";
    /// Reads the time of a shard.
    NOW = "now.lua";
}

/// The arguments that every script gets first; see `shard.lua`.
pub struct Header {
    publish: &'static str,
    shards: u16,
    keep_millis: u64,
    policy: String,
}

impl Header {
    /// `policy` is the policy of this process, if it is to be compared with those of other
    /// processes.
    pub fn new(publish: &'static str, shards: u16, keep_for: Duration, policy: Option<&Policy>) -> Self {
        let keep_millis = u64::try_from(keep_for.as_millis()).unwrap_or(u64::MAX);
        Self { publish, shards, keep_millis, policy: policy.map(Policy::to_string).unwrap_or_default() }
    }

    /// The number of shards that this process expects the namespace to have.
    pub fn shards(&self) -> u16 {
        self.shards
    }

    /// The policy of this process as text; empty if it is not compared.
    pub fn policy(&self) -> &str {
        &self.policy
    }
}

impl Script {
    /// Makes a script that does not use shards, from its complete code.
    pub fn new(code: &str) -> Self {
        Self { hash: redis::Script::new(code).get_hash().to_owned(), code: code.to_owned() }
    }

    /// Begins a call with this number of keys; the caller adds the keys and the arguments.
    pub fn begin(&self, keys: usize) -> Cmd {
        let mut call = cmd("EVALSHA");
        call.arg(&self.hash).arg(keys);
        call
    }

    /// Begins a call with the keys of these shards; the caller adds the script's own arguments.
    pub fn of<'k>(&self, header: &Header, shards: impl ExactSizeIterator<Item = &'k Keys>) -> Cmd {
        let mut call = self.begin(shards.len() * KEYS_PER_SHARD);
        for keys in shards {
            call.arg(&keys.names());
        }
        // A random epoch for each call: the call that creates a shard gives it this new epoch.
        let epoch = format!("{:016x}", presence_core::random::u64());
        call.arg(header.publish).arg(header.shards).arg(epoch).arg(header.keep_millis).arg(&header.policy);
        call
    }

    /// Sends a call of this script; sends the code along if the server does not know the script.
    pub async fn call(&self, connection: &mut Connection, call: &Cmd) -> RedisResult<Value> {
        let answer = connection.send(call).await;
        match answer {
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
            answer => answer,
        }
    }
}
