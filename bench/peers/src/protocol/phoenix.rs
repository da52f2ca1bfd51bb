//! Phoenix channels, version 2 of their JSON
//! (<https://hexdocs.pm/phoenix/writing_a_channels_client.html>), with `Phoenix.Presence`
//! (<https://hexdocs.pm/phoenix/Phoenix.Presence.html>). Only tested with frames from that
//! documentation: Phoenix cannot be installed from a registry with one command. The channel
//! `room:*` must track the `user` of the join's payload, push `presence_state`, and `broadcast!`
//! each `say`.

use super::{Beat, List, Notice, Protocol};
use crate::Outcome;
use serde_json::Value;

pub struct Phoenix;

impl Protocol for Phoenix {
    fn path(&self) -> &'static str {
        "/socket/websocket?vsn=2.0.0"
    }

    /// A heartbeat: the only frame that is answered before a channel is joined.
    fn hello(&self) -> Option<String> {
        self.keep_alive().map(str::to_owned)
    }

    fn is_ready(&self, frame: &str) -> bool {
        frame.contains(r#""phx_reply""#)
    }

    fn enter(&self, user: &str, room: &str) -> Vec<String> {
        vec![format!(r#"["1","1","room:{room}","phx_join",{{"user":"{user}"}}]"#)]
    }

    fn message(&self, room: &str, text: &str) -> String {
        format!(r#"["1","2","room:{room}","say",{{"data":"{text}"}}]"#)
    }

    fn is_message(&self, frame: &str) -> bool {
        frame.contains(r#","say",{"#)
    }

    fn keep_alive(&self) -> Option<&'static str> {
        Some(r#"[null,"0","phoenix","heartbeat",{}]"#)
    }

    fn decode(&self, frame: &str, emit: &mut dyn FnMut(Notice<'_>)) -> Outcome {
        let (_, _, _, event, payload): (Value, Value, Value, String, Value) = serde_json::from_str(frame)?;
        match event.as_str() {
            "presence_state" => {
                emit(Notice::State);
                users(&payload).for_each(|user| emit(Notice::Joined(user)));
            }
            "presence_diff" => {
                users(&payload["joins"]).for_each(|user| emit(Notice::Joined(user)));
                users(&payload["leaves"]).for_each(|user| emit(Notice::Left(user)));
            }
            _ => {}
        }
        Ok(())
    }

    fn list(&self, room: &str) -> List {
        // The list is what a join answers with.
        List::Frame(format!(r#"["1","3","room:{room}","phx_join",{{}}]"#))
    }

    fn beats(&self, _user: &str) -> Vec<Beat> {
        self.keep_alive().map(|frame| Beat::Frame(frame.to_owned())).into_iter().collect()
    }
}

/// The keys of a map.
fn users(of: &Value) -> impl Iterator<Item = &str> {
    of.as_object().into_iter().flat_map(|users| users.keys().map(String::as_str))
}
