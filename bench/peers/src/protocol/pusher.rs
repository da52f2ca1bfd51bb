//! Presence channels of the Pusher Channels protocol, version 7
//! (<https://pusher.com/docs/channels/library_auth_reference/pusher-websockets-protocol/>), with
//! the list of its HTTP API (<https://pusher.com/docs/channels/library_auth_reference/rest-api/>).
//! A backend would sign what enters a channel; here the client does.

use super::{Beat, List, Notice, Protocol};
use crate::Outcome;
use hmac::{Hmac, KeyInit, Mac};
use serde::Deserialize;
use serde_json::Value;
use sha2::Sha256;
use std::fmt::Write;
use std::ops::Range;
use std::time::{SystemTime, UNIX_EPOCH};

pub struct Pusher;

/// The application that the servers are started with: id, key and secret.
pub const APP: [&str; 3] = ["peers", "peers-key", "peers-secret"];
const CHANNEL: &str = "presence-";
/// Codes of errors before the server closes, after which a client reconnects.
const RECONNECT: Range<u64> = 4100..4300;

#[derive(Deserialize)]
struct Frame {
    event: String,
    /// JSON as text, except for errors.
    #[serde(default)]
    data: Value,
}

#[derive(Deserialize)]
struct Page {
    users: Vec<Value>,
}

impl Protocol for Pusher {
    fn path(&self) -> &'static str {
        "/app/peers-key?protocol=7&client=peers&version=1"
    }

    fn is_ready(&self, frame: &str) -> bool {
        frame.contains(r#""pusher:connection_established""#)
    }

    /// The signature is added when the id of the socket is known.
    fn enter(&self, user: &str, room: &str) -> Vec<String> {
        let member = format!(r#"{{\"user_id\":\"{user}\",\"user_info\":{{}}}}"#);
        let data = format!(r#"{{"channel":"{CHANNEL}{room}","channel_data":"{member}","auth":""}}"#);
        vec![format!(r#"{{"event":"pusher:subscribe","data":{data}}}"#)]
    }

    fn signed(&self, greeting: &str, command: &str) -> Outcome<Option<String>> {
        if !command.starts_with(r#"{"event":"pusher:subscribe""#) {
            return Ok(None);
        }
        let mut command: Value = serde_json::from_str(command)?;
        let greeting: Frame = serde_json::from_str(greeting)?;
        let about: Value = serde_json::from_str(greeting.data.as_str().unwrap_or_default())?;
        let socket = about["socket_id"].as_str().ok_or("a greeting without a socket id")?;
        let data = &mut command["data"];
        let [channel, member] =
            ["channel", "channel_data"].map(|name| data[name].as_str().unwrap_or_default());
        let auth = format!("{}:{}", APP[1], signature(&format!("{socket}:{channel}:{member}"))?);
        data["auth"] = auth.into();
        Ok(Some(command.to_string()))
    }

    fn message(&self, room: &str, text: &str) -> String {
        format!(r#"{{"event":"client-say","channel":"{CHANNEL}{room}","data":"{text}"}}"#)
    }

    fn is_message(&self, frame: &str) -> bool {
        frame.contains(r#""client-say""#)
    }

    fn echoes(&self) -> bool {
        false
    }

    fn answer(&self, frame: &str) -> Option<&'static str> {
        frame.contains(r#""pusher:ping""#).then_some(r#"{"event":"pusher:pong","data":{}}"#)
    }

    fn keep_alive(&self) -> Option<&'static str> {
        Some(r#"{"event":"pusher:ping","data":{}}"#)
    }

    fn decode(&self, frame: &str, emit: &mut dyn FnMut(Notice<'_>)) -> Outcome {
        let Frame { event, data } = serde_json::from_str(frame)?;
        if event == "pusher:error" && data["code"].as_u64().is_some_and(|code| RECONNECT.contains(&code)) {
            return Ok(());
        }
        if event.ends_with(":error") || event.ends_with(":subscription_error") {
            return Err(frame.to_owned().into());
        }
        let kind = event.strip_prefix("pusher_internal:").unwrap_or_default();
        if !["subscription_succeeded", "member_added", "member_removed"].contains(&kind) {
            return Ok(());
        }
        let data: Value = serde_json::from_str(data.as_str().unwrap_or_default())?;
        if let Some(members) = data["presence"]["ids"].as_array() {
            emit(Notice::State);
            members.iter().filter_map(Value::as_str).for_each(|user| emit(Notice::Joined(user)));
        }
        match (kind, data["user_id"].as_str()) {
            ("member_added", Some(user)) => emit(Notice::Joined(user)),
            ("member_removed", Some(user)) => emit(Notice::Left(user)),
            _ => {}
        }
        Ok(())
    }

    fn list(&self, room: &str) -> List {
        let path = format!("/apps/{}/channels/{CHANNEL}{room}/users", APP[0]);
        let now = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs());
        let query = format!("auth_key={}&auth_timestamp={now}&auth_version=1.0", APP[1]);
        let signature = signature(&format!("GET\n{path}\n{query}")).unwrap_or_default();
        List::Pages(format!("{path}?{query}&auth_signature={signature}"))
    }

    fn page(&self, _room: &str, body: &str) -> Outcome<(usize, Option<String>)> {
        let Page { users } = serde_json::from_str(body)?;
        Ok((users.len(), None))
    }

    fn beats(&self, _user: &str) -> Vec<Beat> {
        self.keep_alive().map(|frame| Beat::Frame(frame.to_owned())).into_iter().collect()
    }
}

/// HMAC-SHA256 with the secret of the application, in hexadecimal digits.
fn signature(text: &str) -> Outcome<String> {
    let mut mac = Hmac::<Sha256>::new_from_slice(APP[2].as_bytes())?;
    mac.update(text.as_bytes());
    let mut digits = String::new();
    for byte in mac.finalize().into_bytes() {
        write!(digits, "{byte:02x}")?;
    }
    Ok(digits)
}
