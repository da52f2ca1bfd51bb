//! The client that ships: it walks through what the gateway does, or does what it is told.

use futures_util::{SinkExt, Stream, StreamExt};
use presence_core::random;
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::fmt;
use std::pin::pin;
use std::time::Duration;
use tokio::net::TcpStream;
use tokio::time::{Instant, interval, sleep, timeout};
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::error::{Error as SocketError, UrlError};
use tokio_tungstenite::tungstenite::http::header::AUTHORIZATION;
use tokio_tungstenite::tungstenite::{self, Message};
use tokio_tungstenite::{WebSocketStream, client_async};

/// Where to connect, and as whom.
#[derive(Clone)]
pub struct Target {
    /// `ws://host:port/ws`.
    pub url: String,
    /// The token.
    pub token: String,
}

/// Says where, and not with which token.
impl fmt::Debug for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Target").field("url", &self.url).finish_non_exhaustive()
    }
}

/// Why the client ends.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Ended {
    /// 401 or 403 at the handshake, and any other answer that will not change.
    #[error("refused with {0}")]
    Refused(u16),
    /// Closed with a code after which it does not come back by itself: 4401 for an expired token, 4403 for a user who was
    /// disconnected, 1008 for one who broke a rule, and the like.
    #[error("closed with {0}")]
    Closed(u16),
    /// The URL cannot be used.
    #[error("the URL must be like ws://localhost:8006/ws")]
    Url,
    /// There was no connection.
    #[error("no connection: {0}")]
    Lost(String),
    /// What was asked for was not done.
    #[error("{0}")]
    Failed(String),
}

/// How long an answer may take.
const PATIENCE: Duration = Duration::from_secs(10);
/// How often it pings without a frame of text, which also counts as a sign of life.
const PINGS_EVERY: Duration = Duration::from_secs(20);
/// Within how long clients come back whose instance ends: each at another moment.
const SPREAD: Duration = Duration::from_secs(5);
/// The longest wait between two attempts.
const MAX_WAIT: Duration = Duration::from_secs(10);

type Socket = WebSocketStream<TcpStream>;

async fn connect(target: &Target) -> Result<Socket, Ended> {
    let mut request = target.url.as_str().into_client_request().map_err(|_| Ended::Url)?;
    let uri = request.uri();
    let (Some("ws"), Some(host)) = (uri.scheme_str(), uri.host()) else { return Err(Ended::Url) };
    let address = (host.trim_matches(['[', ']']).to_owned(), uri.port_u16().unwrap_or(80));
    let bearer = format!("Bearer {}", target.token).parse().map_err(|_| Ended::Refused(401))?;
    request.headers_mut().insert(AUTHORIZATION, bearer);
    let connecting = async {
        let stream = TcpStream::connect(address).await.map_err(|error| Ended::Lost(error.to_string()))?;
        client_async(request, stream).await.map_err(|error| match error {
            SocketError::Http(answer) if !answer.status().is_server_error() && answer.status() != 429 => {
                Ended::Refused(answer.status().as_u16())
            }
            SocketError::Url(UrlError::UnsupportedUrlScheme) => Ended::Url,
            error => Ended::Lost(error.to_string()),
        })
    };
    let (socket, _) =
        timeout(PATIENCE, connecting).await.map_err(|_| Ended::Lost("timeout".to_owned()))??;
    Ok(socket)
}

/// The next frame.
async fn hear(socket: &mut Socket) -> Result<Value, Ended> {
    loop {
        let message = socket.next().await.ok_or_else(|| Ended::Lost("closed".to_owned()))?;
        match message.map_err(lost)? {
            Message::Text(text) => {
                return serde_json::from_str(&text).map_err(|_| Ended::Failed(format!("no JSON: {text}")));
            }
            Message::Close(frame) => {
                return Err(Ended::Closed(frame.map_or(1005, |frame| frame.code.into())));
            }
            _ => {}
        }
    }
}

#[expect(clippy::needless_pass_by_value, reason = "it is handed to `map_err`")]
fn lost(error: tungstenite::Error) -> Ended {
    Ended::Lost(error.to_string())
}

async fn say(socket: &mut Socket, frame: &Value) -> Result<(), Ended> {
    socket.send(Message::text(frame.to_string())).await.map_err(lost)
}

/// Connects, subscribes, types, pings, moves to another room, tries direct messages; shows what is said and heard.
///
/// # Errors
/// [`Ended`], as soon as an answer is not the one that was to come.
pub async fn auto(target: &Target, show: impl Fn(String)) -> Result<(), Ended> {
    let mut socket = connect(target).await?;
    show(format!("connected to {}", target.url));
    let general = json!({"channel_id": "general", "dm_id": null});
    let random = json!({"channel_id": "random", "dm_id": null});
    let direct = json!({"channel_id": null, "dm_id": "dm-1"});
    for (kind, room, answer) in [
        ("subscribe", &general, Some("subscribed")),
        ("typing", &general, None),
        ("ping", &Value::Null, Some("pong")),
        ("ping", &Value::Null, Some("pong")),
        ("subscribe", &random, Some("subscribed")),
        ("unsubscribe", &general, Some("unsubscribed")),
        ("subscribe", &direct, Some("subscribed")),
        ("typing", &direct, None),
        ("unsubscribe", &direct, Some("unsubscribed")),
    ] {
        let mut frame = json!({ "type": kind });
        for (name, id) in room.as_object().into_iter().flatten().filter(|(_, id)| !id.is_null()) {
            frame[name] = id.clone();
        }
        show(format!("> {frame}"));
        say(&mut socket, &frame).await?;
        let Some(answer) = answer else { continue };
        let until = async {
            loop {
                let heard = hear(&mut socket).await?;
                show(format!("< {heard}"));
                if heard["type"] == "error" {
                    return Err(Ended::Failed(format!("{frame} was refused: {heard}")));
                }
                let is_room =
                    room.as_object().is_none_or(|ids| ids.iter().all(|(name, id)| heard[name] == *id));
                if heard["type"] == answer && is_room {
                    return Ok(());
                }
            }
        };
        let waited = timeout(PATIENCE, until).await;
        waited.map_err(|_| Ended::Failed(format!("{frame} was not answered with {answer}")))??;
    }
    let _ = socket.close(None).await;
    show("all as it should be".to_owned());
    Ok(())
}

/// What can be said in the interactive mode.
pub const HELP: &str = "sub <channel>, unsub <channel>, typing <channel>, dm <id>, undm <id>, status <word> [message], ping, quit";

/// Does what each line says, and shows what is heard. It comes back by itself when it loses the connection, unless it was
/// told to stay away.
///
/// # Errors
/// [`Ended`] when it cannot go on; `quit` and the end of the lines are none.
pub async fn interactive(
    target: &Target,
    lines: impl Stream<Item = String>,
    show: impl Fn(String),
) -> Result<(), Ended> {
    let mut lines = pin!(lines);
    let mut rooms = BTreeSet::new();
    let mut failures = 0;
    loop {
        let why = match connect(target).await {
            Ok(mut socket) => {
                let since = Instant::now();
                show(format!("connected to {}; {HELP}", target.url));
                match talk(&mut socket, &mut lines, &mut rooms, &show).await {
                    Ok(()) => {
                        let _ = socket.close(None).await;
                        return Ok(());
                    }
                    Err(why) => {
                        if since.elapsed() > MAX_WAIT {
                            failures = 0;
                        }
                        why
                    }
                }
            }
            Err(why) => why,
        };
        let wait = wait_after(&why, failures).ok_or(why)?;
        show(format!("connecting again in {} ms", wait.as_millis()));
        sleep(wait).await;
        failures += 1;
    }
}

/// How long to wait before connecting again; `None` for never.
fn wait_after(why: &Ended, failures: u32) -> Option<Duration> {
    match why {
        Ended::Closed(1012) => Some(SPREAD.mul_f64(random::fraction())),
        Ended::Lost(_) | Ended::Closed(1000 | 1001 | 1005 | 1006 | 1011 | 1013) => {
            let full = MAX_WAIT.min(Duration::from_millis(250) * 2_u32.pow(failures.min(6)));
            Some(full.mul_f64(0.5 + random::fraction() / 2.0))
        }
        _ => None,
    }
}

/// Goes on until the lines end, or the connection.
async fn talk(
    socket: &mut Socket,
    lines: &mut (impl Stream<Item = String> + Unpin),
    rooms: &mut BTreeSet<(&'static str, String)>,
    show: &impl Fn(String),
) -> Result<(), Ended> {
    for (name, id) in rooms.iter() {
        say(socket, &json!({"type": "subscribe", *name: id})).await?;
    }
    let mut pings = interval(PINGS_EVERY);
    loop {
        tokio::select! {
            heard = hear(socket) => show(format!("< {}", heard?)),
            _ = pings.tick() => socket.send(Message::Ping(Vec::new().into())).await.map_err(lost)?,
            line = lines.next() => {
                let Some(line) = line else { return Ok(()) };
                let line = line.trim();
                if line == "quit" {
                    return Ok(());
                }
                match frame_of(line, rooms) {
                    Some(frame) => say(socket, &frame).await?,
                    None if line.is_empty() => {}
                    None => show(HELP.to_owned()),
                }
            }
        }
    }
}

/// What a line says; `None` for nothing that is known.
fn frame_of(line: &str, rooms: &mut BTreeSet<(&'static str, String)>) -> Option<Value> {
    let (command, rest) = line.split_once(' ').unwrap_or((line, ""));
    let rest = rest.trim();
    if command == "ping" {
        return Some(json!({"type": "ping"}));
    }
    if rest.is_empty() {
        return None;
    }
    let (kind, name) = match command {
        "sub" => ("subscribe", "channel_id"),
        "unsub" => ("unsubscribe", "channel_id"),
        "typing" => ("typing", "channel_id"),
        "dm" => ("subscribe", "dm_id"),
        "undm" => ("unsubscribe", "dm_id"),
        "status" => {
            let (status, message) = rest.split_once(' ').unwrap_or((rest, ""));
            return Some(json!({"type": "status", "status": status, "message": message.trim()}));
        }
        _ => return None,
    };
    match kind {
        "subscribe" => _ = rooms.insert((name, rest.to_owned())),
        "unsubscribe" => _ = rooms.remove(&(name, rest.to_owned())),
        _ => {}
    }
    Some(json!({"type": kind, name: rest}))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_who_was_told_to_stay_away_does_not_come_back_by_itself() {
        for why in
            [Ended::Closed(4403), Ended::Closed(4401), Ended::Closed(1008), Ended::Refused(403), Ended::Url]
        {
            assert_eq!(wait_after(&why, 0), None, "{why}");
        }
        for why in [Ended::Closed(1012), Ended::Closed(1013), Ended::Lost(String::new())] {
            assert!((0..100).all(|failures| wait_after(&why, failures).unwrap() <= MAX_WAIT), "{why}");
        }
    }

    #[test]
    fn lines_are_commands() {
        let mut rooms = BTreeSet::new();
        let mut frame = |line| frame_of(line, &mut rooms).unwrap_or_default();
        assert_eq!(frame("sub general"), json!({"type": "subscribe", "channel_id": "general"}));
        assert_eq!(frame("dm  7"), json!({"type": "subscribe", "dm_id": "7"}));
        assert_eq!(frame("typing general"), json!({"type": "typing", "channel_id": "general"}));
        assert_eq!(frame("unsub general"), json!({"type": "unsubscribe", "channel_id": "general"}));
        assert_eq!(frame("ping"), json!({"type": "ping"}));
        let away = json!({"type": "status", "status": "away", "message": "at lunch"});
        assert_eq!(frame("status away at lunch"), away);
        for line in ["", "sub", "hello there", "typing "] {
            assert_eq!(frame(line), Value::Null, "{line}");
        }
        assert_eq!(rooms.into_iter().collect::<Vec<_>>(), [("dm_id", "7".to_owned())]);
    }
}
