//! This library's socket and routes (`presence-axum/docs/wire.md`).

#![expect(clippy::zero_sized_map_values, reason = "users come as the keys of a map")]

use super::{Beat, List, Notice, Post, Protocol};
use crate::Outcome;
use serde::Deserialize;
use serde::de::IgnoredAny;
use std::collections::BTreeMap;

pub struct Ours;

/// The users in a frame; their fields are skipped.
type Named = BTreeMap<String, IgnoredAny>;

#[derive(Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
enum Frame {
    PresenceState {
        users: Named,
    },
    PresenceDiff {
        joined: Named,
        left: Named,
    },
    PresenceCounts {
        online: u64,
    },
    Error {
        error: String,
    },
    #[serde(other)]
    Other,
}

#[derive(Deserialize)]
struct Page {
    users: Vec<IgnoredAny>,
    next: Option<String>,
}

impl Protocol for Ours {
    fn path(&self) -> &'static str {
        "/v1/ws"
    }

    fn is_ready(&self, frame: &str) -> bool {
        frame.starts_with(r#"{"type":"hello""#)
    }

    fn enter(&self, user: &str, room: &str) -> Vec<String> {
        vec![
            format!(r#"{{"type":"enter","user":"{user}","topics":["{room}"]}}"#),
            format!(r#"{{"type":"subscribe","topics":["{room}"]}}"#),
        ]
    }

    fn message(&self, room: &str, text: &str) -> String {
        format!(r#"{{"type":"publish","topic":"{room}","data":"{text}"}}"#)
    }

    fn is_message(&self, frame: &str) -> bool {
        frame.starts_with(r#"{"type":"message""#)
    }

    fn keep_alive(&self) -> Option<&'static str> {
        Some(r#"{"type":"ping"}"#)
    }

    fn decode(&self, frame: &str, emit: &mut dyn FnMut(Notice<'_>)) -> Outcome {
        match serde_json::from_str(frame)? {
            Frame::PresenceState { users } => {
                emit(Notice::State);
                users.keys().for_each(|user| emit(Notice::Joined(user)));
            }
            Frame::PresenceDiff { joined, left } => {
                joined.keys().for_each(|user| emit(Notice::Joined(user)));
                left.keys().for_each(|user| emit(Notice::Left(user)));
            }
            Frame::PresenceCounts { online } => emit(Notice::Online(online)),
            Frame::Error { error } => return Err(error.into()),
            Frame::Other => {}
        }
        Ok(())
    }

    fn list(&self, room: &str) -> List {
        List::Pages(format!("/v1/list?topic={room}&limit=1000"))
    }

    fn page(&self, room: &str, body: &str) -> Outcome<(usize, Option<String>)> {
        let Page { users, next } = serde_json::from_str(body)?;
        let next = next.map(|cursor| format!("/v1/list?topic={room}&limit=1000&cursor={cursor}"));
        Ok((users.len(), next))
    }

    fn beats(&self, user: &str) -> Vec<Beat> {
        vec![
            Beat::Http(Post("/v1/hit", format!(r#"{{"user":"{user}","topics":["room"],"idle_ms":0}}"#))),
            Beat::Frame(r#"{"type":"beat","idle_ms":0}"#.to_owned()),
        ]
    }

    fn knows_idle(&self) -> bool {
        true
    }

    fn fill(&self, members: usize) -> Vec<Post> {
        let enter = |n| {
            let room = n / 10;
            Post("/v1/hit", format!(r#"{{"user":"member-{n}","kind":"enter","topics":["room-{room}"]}}"#))
        };
        (0..members).map(enter).collect()
    }
}
