//! Centrifugo's client protocol in JSON
//! (<https://centrifugal.dev/docs/transports/client_protocol>). Only tested with frames from that
//! documentation: Centrifugo cannot be installed from a registry with one command. It must run with
//! `client.insecure`, and its channels with `presence`, `join_leave`, `force_push_join_leave` and
//! `allow_publish_for_subscriber` (<https://centrifugal.dev/docs/server/presence>). Members are
//! identified by the id of their client.

use super::{Beat, List, Notice, Protocol};
use crate::Outcome;
use serde_json::Value;

pub struct Centrifugo;

/// The ids of commands; a client has at most one of each in flight.
const CONNECT: u32 = 1;
const SUBSCRIBE: u32 = 2;
const PUBLISH: u32 = 3;
const PRESENCE: u32 = 4;

impl Protocol for Centrifugo {
    fn path(&self) -> &'static str {
        "/connection/websocket"
    }

    fn hello(&self) -> Option<String> {
        Some(format!(r#"{{"id":{CONNECT},"connect":{{}}}}"#))
    }

    fn is_ready(&self, frame: &str) -> bool {
        frame.contains(r#""connect":{"#)
    }

    fn enter(&self, _user: &str, room: &str) -> Vec<String> {
        vec![
            format!(r#"{{"id":{SUBSCRIBE},"subscribe":{{"channel":"{room}"}}}}"#),
            format!(r#"{{"id":{PRESENCE},"presence":{{"channel":"{room}"}}}}"#),
        ]
    }

    fn message(&self, room: &str, text: &str) -> String {
        format!(r#"{{"id":{PUBLISH},"publish":{{"channel":"{room}","data":"{text}"}}}}"#)
    }

    fn is_message(&self, frame: &str) -> bool {
        frame.starts_with(r#"{"push""#) && frame.contains(r#""pub":{"#)
    }

    /// An empty object is the server's ping, and its answer.
    fn answer(&self, frame: &str) -> Option<&'static str> {
        (frame.trim_end() == "{}").then_some("{}")
    }

    fn decode(&self, frame: &str, emit: &mut dyn FnMut(Notice<'_>)) -> Outcome {
        // A frame may contain several replies, one per line.
        for line in frame.lines().filter(|line| !line.is_empty()) {
            let reply: Value = serde_json::from_str(line)?;
            if let Some(error) = reply.get("error") {
                return Err(error.to_string().into());
            }
            let client = |of: &str| reply["push"][of]["info"]["client"].as_str().map(str::to_owned);
            if let Some(user) = client("join") {
                emit(Notice::Joined(&user));
            }
            if let Some(user) = client("leave") {
                emit(Notice::Left(&user));
            }
            if let Some(members) = reply["presence"]["presence"].as_object() {
                emit(Notice::State);
                members.keys().for_each(|user| emit(Notice::Joined(user)));
                emit(Notice::Listed(members.len()));
            }
        }
        Ok(())
    }

    fn list(&self, room: &str) -> List {
        List::Frame(format!(r#"{{"id":{PRESENCE},"presence":{{"channel":"{room}"}}}}"#))
    }

    fn beats(&self, _user: &str) -> Vec<Beat> {
        // The answer to the server's ping, every 25 s.
        vec![Beat::Frame("{}".to_owned())]
    }
}
