//! The programs of the cookbook: one for each page of `docs/`.
//!
//! They are modules of one crate, which is built and linked only once. Each is complete: it runs
//! when it is copied into a `main.rs`.
#![allow(clippy::missing_errors_doc, clippy::missing_panics_doc, reason = "programs, which pages explain")]

pub mod authentication;
pub mod deployment;
pub mod friends;
pub mod kick;
pub mod last_seen;
pub mod limits;
pub mod migration;
pub mod processes;
pub mod proxies;
pub mod rooms;
pub mod sockets;
pub mod testing;
pub mod tls;
pub mod typing;
pub mod worker;

/// A program's `main`.
pub type Main = fn() -> Result<(), Box<dyn std::error::Error>>;

/// Every program, by the name of its page.
pub const PROGRAMS: [(&str, Main); 15] = [
    ("authentication", authentication::main),
    ("deployment", deployment::main),
    ("friends", friends::main),
    ("kick", kick::main),
    ("last-seen", last_seen::main),
    ("limits", limits::main),
    ("migration", migration::main),
    ("processes", processes::main),
    ("proxies", proxies::main),
    ("rooms", rooms::main),
    ("sockets", sockets::main),
    ("testing", testing::main),
    ("tls", tls::main),
    ("typing", typing::main),
    ("worker", worker::main),
];

/// The examples of the READMEs compile.
#[cfg(doctest)]
mod readmes {
    #[doc = include_str!("../../README.md")]
    struct Workspace;
    #[doc = include_str!("../../presence-core/README.md")]
    struct Core;
    #[doc = include_str!("../../presence-memory/README.md")]
    struct Memory;
    #[doc = include_str!("../../presence-redis/README.md")]
    struct Redis;
    #[doc = include_str!("../../presence-nats/README.md")]
    struct Nats;
    #[doc = include_str!("../../presence-axum/README.md")]
    struct Axum;
}
