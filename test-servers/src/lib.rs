//! Real servers for tests and benchmarks: Redis, Valkey and NATS, alone and in clusters, spawned on
//! free ports of 127.0.0.1.
//!
//! Each server has its own temporary folder, and ends when its handle is dropped. It also ends with
//! the process that started it, however that process ends. So no server is left running by a
//! `static`, which is never dropped, or by a test that is killed with -9.
//!
//! ```no_run
//! let server = test_servers::redis::Redis::start();
//! assert_eq!(server.command(&["SET", "a", "1"]), "OK");
//! server.kill();
//! server.restart(); // on the same port, empty
//! assert_eq!(server.command(&["GET", "a"]), "(nil)");
//! ```
//!
//! If a server crashes or hangs, though no test has stopped it, the process that started it ends at
//! once, with the end of the server's log on its standard error.
//!
//! Nothing here returns an error: if a server cannot be started, the test fails with a message that
//! says why. The programs are in `.servers/bin`, which `scripts/servers.sh` fills.
#![allow(clippy::expect_used, clippy::unwrap_used, reason = "a test that cannot have its server fails")]
#![allow(clippy::disallowed_methods, reason = "what servers do takes real time")]

mod guard;
pub mod nats;
mod patience;
mod port;
mod process;
mod program;
mod proxy;
pub mod redis;
mod resp;
mod watch;

pub use patience::within;
pub use program::find;
pub use proxy::Proxy;
