//! The protocol of `node/ws.mjs`: JSON frames of its own.

use super::{Beat, List, Notice, Post, Protocol};
use crate::Outcome;
use serde::Deserialize;

pub struct ByHand;

#[derive(Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
enum Frame {
    State {
        users: Vec<String>,
    },
    Diff {
        joined: Vec<String>,
        left: Vec<String>,
    },
    Counts {
        online: u64,
    },
    #[serde(other)]
    Other,
}

impl Protocol for ByHand {
    fn path(&self) -> &'static str {
        "/"
    }

    fn is_ready(&self, frame: &str) -> bool {
        frame.starts_with(r#"{"type":"hello""#)
    }

    fn enter(&self, user: &str, room: &str) -> Vec<String> {
        vec![format!(r#"{{"type":"enter","user":"{user}","room":"{room}"}}"#)]
    }

    fn message(&self, _room: &str, text: &str) -> String {
        format!(r#"{{"type":"say","data":"{text}"}}"#)
    }

    fn is_message(&self, frame: &str) -> bool {
        frame.starts_with(r#"{"type":"message""#)
    }

    fn decode(&self, frame: &str, emit: &mut dyn FnMut(Notice<'_>)) -> Outcome {
        match serde_json::from_str(frame)? {
            Frame::State { users } => {
                emit(Notice::State);
                users.iter().for_each(|user| emit(Notice::Joined(user)));
                emit(Notice::Listed(users.len()));
            }
            Frame::Diff { joined, left } => {
                joined.iter().for_each(|user| emit(Notice::Joined(user)));
                left.iter().for_each(|user| emit(Notice::Left(user)));
            }
            Frame::Counts { online } => emit(Notice::Online(online)),
            Frame::Other => {}
        }
        Ok(())
    }

    fn list(&self, room: &str) -> List {
        List::Frame(format!(r#"{{"type":"list","room":"{room}"}}"#))
    }

    fn beats(&self, user: &str) -> Vec<Beat> {
        vec![
            Beat::Http(Post("/hit", format!(r#"{{"user":"{user}"}}"#))),
            Beat::Frame(r#"{"type":"beat"}"#.to_owned()),
        ]
    }

    fn fill(&self, members: usize) -> Vec<Post> {
        vec![Post("/hit", format!(r#"{{"fill":{members}}}"#))]
    }
}
