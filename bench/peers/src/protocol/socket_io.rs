//! Events of the socket.io protocol 5 on engine.io 4, by WebSocket only
//! (<https://socket.io/docs/v4/socket-io-protocol/>,
//! <https://socket.io/docs/v4/engine-io-protocol/>), named as in its documentation's example of
//! presence.

use super::{Beat, List, Notice, Protocol};
use crate::Outcome;

pub struct SocketIo;

/// The prefixes of an event and of the acknowledgement of event 1.
const EVENT: &str = "42";
const ANSWER: &str = "431";

impl Protocol for SocketIo {
    fn path(&self) -> &'static str {
        "/socket.io/?EIO=4&transport=websocket"
    }

    fn hello(&self) -> Option<String> {
        Some("40".to_owned())
    }

    fn is_ready(&self, frame: &str) -> bool {
        frame.starts_with("40")
    }

    fn enter(&self, user: &str, room: &str) -> Vec<String> {
        vec![format!(r#"42["enter","{user}","{room}",false]"#)]
    }

    fn enter_quietly(&self, user: &str, room: &str) -> Vec<String> {
        vec![format!(r#"42["enter","{user}","{room}",true]"#)]
    }

    fn message(&self, _room: &str, text: &str) -> String {
        format!(r#"42["say","{text}"]"#)
    }

    fn is_message(&self, frame: &str) -> bool {
        frame.starts_with(r#"42["message""#)
    }

    fn answer(&self, frame: &str) -> Option<&'static str> {
        (frame == "2").then_some("3")
    }

    fn decode(&self, frame: &str, emit: &mut dyn FnMut(Notice<'_>)) -> Outcome {
        if let Some(answer) = frame.strip_prefix(ANSWER) {
            let [users]: [Vec<String>; 1] = serde_json::from_str(answer)?;
            emit(Notice::Listed(users.len()));
        }
        let Some(event) = frame.strip_prefix(EVENT) else { return Ok(()) };
        if event.starts_with(r#"["users""#) {
            // Added to what is known: with several processes, joins overtake the list that lacks
            // them.
            let (_, users): (String, Vec<String>) = serde_json::from_str(event)?;
            users.iter().for_each(|user| emit(Notice::Joined(user)));
        } else if event.starts_with(r#"["user "#) {
            let (event, user): (String, String) = serde_json::from_str(event)?;
            emit(if event == "user connected" { Notice::Joined(&user) } else { Notice::Left(&user) });
        }
        Ok(())
    }

    fn list(&self, room: &str) -> List {
        List::Frame(format!(r#"421["list","{room}"]"#))
    }

    fn beats(&self, _user: &str) -> Vec<Beat> {
        vec![Beat::Frame(r#"42["beat"]"#.to_owned())]
    }
}
