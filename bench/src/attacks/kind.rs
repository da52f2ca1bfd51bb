//! The attacks, described by what their clients send.

use super::line::{get, hit};
use crate::served::HEAVY_NAME;

/// The number of addresses of an attack, and of connections from each.
pub const CLIENTS: u8 = 4;
pub const LINES: u32 = 4;

/// The kinds of attacks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// No attack: the latency of the honest clients alone.
    Nobody,
    /// One user with many sessions in many topics, whose changes affect all of them.
    Sessions,
    /// Queries with one user thousands of times, and with users who have long responses.
    Ids,
    /// Sessions of the maximum size, until there is no room.
    Fat,
    /// Streams of large frames that are hardly read.
    Slow,
    /// Hundreds of thousands of topics, and queries for the first ones.
    Topics,
    /// One user with ever new sessions.
    Tabs,
    /// Ever new users.
    Users,
    /// More connections than the process may have files.
    Files,
    /// Sockets that each subscribe to topics of their own.
    Rooms,
}

impl Kind {
    pub const ALL: [Self; 10] = [
        Self::Nobody,
        Self::Sessions,
        Self::Ids,
        Self::Fat,
        Self::Slow,
        Self::Topics,
        Self::Tabs,
        Self::Users,
        Self::Files,
        Self::Rooms,
    ];

    /// The name for `--only`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Nobody => "nobody",
            Self::Sessions => "sessions",
            Self::Ids => "ids",
            Self::Fat => "fat",
            Self::Slow => "slow",
            Self::Topics => "topics",
            Self::Tabs => "tabs",
            Self::Users => "users",
            Self::Files => "files",
            Self::Rooms => "rooms",
        }
    }

    pub fn title(self) -> &'static str {
        match self {
            Self::Nobody => "no attack",
            Self::Sessions => "users of 200 sessions in 64 topics each, who change",
            Self::Ids => "queries for much: one id 16,000 times, users of 15 kB, pages of 1,000",
            Self::Fat => "ever new sessions of 15 kB",
            Self::Slow => "160 streams of large frames, of which a byte a second is read",
            Self::Topics => "240,000 topics, and queries for the first thousand",
            Self::Tabs => "one user with ever new sessions",
            Self::Users => "a flood of hits of ever new users",
            Self::Files => "2,400 connections where 1,024 files are permitted",
            Self::Rooms => "sockets of 64 topics each, as many as are let in",
        }
    }

    /// How many files the service may open; zero: no limit.
    pub fn files(self) -> usize {
        if self == Self::Files { 1_024 } else { 0 }
    }

    /// How many idle connections each address holds open.
    pub fn holds(self) -> usize {
        match self {
            Self::Slow => 40,
            Self::Files => 600,
            Self::Rooms => 1_000,
            _ => 0,
        }
    }

    /// The request on the `n`-th connection that is held open.
    pub fn opens(self, n: usize) -> Vec<u8> {
        match self {
            Self::Slow if n.is_multiple_of(2) => get("/v1/sse/snapshot"),
            Self::Slow => get("/v1/sse/diff"),
            Self::Rooms => b"GET /v1/ws HTTP/1.1\r\nhost: here.example\r\nconnection: upgrade\r\n\
                upgrade: websocket\r\nsec-websocket-version: 13\r\n\
                sec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
                .to_vec(),
            _ => b"GET /v1/counts HTTP/1.1\r\n".to_vec(),
        }
    }

    /// The `n`-th request of a connection; requests follow each other without a pause.
    pub fn request(self, client: u8, line: u32, n: u32) -> Vec<u8> {
        let who = format!("{client}-{line}");
        match self {
            Self::Sessions => sessions(&format!("many-{client}"), LINES * n + line),
            Self::Ids => ids(n),
            Self::Fat => hit(&format!(
                r#"{{"user":"fat-{who}-{n}","kind":"enter","status":"busy","message":"{}","topics":[{}]}}"#,
                "m".repeat(256),
                long_topics(&format!("{who}-{n}"))
            )),
            Self::Topics if n < 235 => {
                let topics: Vec<String> = (0..64).map(|t| format!(r#""{who}-{n}-{t}""#)).collect();
                let topics = topics.join(",");
                hit(&format!(r#"{{"user":"topics-{who}-{n}","kind":"enter","topics":[{topics}]}}"#))
            }
            Self::Topics => get("/v1/topics?limit=1000"),
            Self::Tabs => hit(&format!(
                r#"{{"user":"one-{client}","session":"{line}-{n}","kind":"enter","topics":["home"]}}"#
            )),
            // A change makes the service send another frame to the slow readers.
            Self::Users | Self::Slow => {
                hit(&format!(r#"{{"user":"new-{who}-{n}","kind":"enter","topics":["t-{n}"]}}"#))
            }
            Self::Nobody | Self::Files | Self::Rooms => get("/v1/counts"),
        }
    }

    /// Whether the attack sends requests in addition to the connections that it holds open.
    pub fn asks(self) -> bool {
        !matches!(self, Self::Nobody | Self::Files | Self::Rooms)
    }
}

fn sessions(user: &str, n: u32) -> Vec<u8> {
    let session = n % 200;
    if n < 400 {
        let topics: Vec<String> = (0..64).map(|t| format!(r#""{user}-{session}-{t}""#)).collect();
        let topics = topics.join(",");
        return hit(&format!(
            r#"{{"user":"{user}","session":"{session}","kind":"enter","topics":[{topics}]}}"#
        ));
    }
    let session = session % 16;
    match n % 3 {
        0 => hit(&format!(r#"{{"user":"{user}","session":"{session}","status":"busy","message":"{n}"}}"#)),
        1 => hit(&format!(r#"{{"user":"{user}","session":"{session}","meta":{{"n":{n}}}}}"#)),
        _ => hit(&format!(r#"{{"user":"{user}","session":"{session}","kind":"leave","now":true}}"#)),
    }
}

fn ids(n: u32) -> Vec<u8> {
    match n % 4 {
        0 => get(&format!("/v1/users?ids={}", "a,".repeat(16_000))),
        1 => {
            let ids: Vec<String> = (0..500).map(|n| format!("{HEAVY_NAME}{n}")).collect();
            get(&format!("/v1/users?ids={}", ids.join(",")))
        }
        // The maximum size of one response.
        2 => {
            let ids: Vec<String> = (0..100).map(|n| format!("{HEAVY_NAME}{n}")).collect();
            get(&format!("/v1/users?ids={}", ids.join(",")))
        }
        _ => get("/v1/list?limit=1000"),
    }
}

/// Fifteen topics of a kilobyte, as JSON without the brackets.
pub fn long_topics(name: &str) -> String {
    let topics: Vec<String> = (0..15).map(|t| format!(r#""{t}-{name}-{}""#, "t".repeat(960))).collect();
    topics.join(",")
}
