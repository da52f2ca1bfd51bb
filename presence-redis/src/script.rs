//! The scripts: one per verb, each atomic within a shard.

use crate::connection::Connection;
use crate::keys::Keys;
use crate::options::Options;
use redis::{Cmd, ErrorKind, RedisResult, ServerErrorKind, Value, cmd};
use std::sync::LazyLock;

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
                Script::new(concat!(include_str!("lua/shard.lua"), include_str!(concat!("lua/", $file))))
            });
        )*
    };
}

scripts! {
    /// Merges sessions.
    PUT = "put.lua";
    /// Moves times forward.
    TOUCH = "touch.lua";
    /// Drops what has not been seen since.
    FORGET = "forget.lua";
    /// Reads users.
    LOAD = "load.lua";
    /// Reads epoch, number and time of a shard.
    PROVE = "prove.lua";
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
    pub fn new(options: &Options, shards: u16, publish: &'static str) -> Self {
        let keep_millis = u64::try_from(options.keep_for.as_millis()).unwrap_or(u64::MAX);
        Self { publish, shards, keep_millis, policy: options.policy_words() }
    }

    /// How many shards the namespace is reckoned to have.
    pub fn shards(&self) -> u16 {
        self.shards
    }
}

impl Script {
    fn new(code: &str) -> Self {
        Self { hash: redis::Script::new(code).get_hash().to_owned(), code: code.to_owned() }
    }

    /// A call with the keys of these shards; the script's own arguments follow.
    pub fn of<'k>(&self, header: &Header, shards: impl ExactSizeIterator<Item = &'k Keys>) -> Cmd {
        let mut call = cmd("EVALSHA");
        call.arg(&self.hash).arg(shards.len() * 4);
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
