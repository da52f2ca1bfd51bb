//! Executes commands line by line.

use super::{Ended, Socket, Target, connect, lost, receive, send_frame};
use futures_util::{SinkExt, Stream, StreamExt};
use presence_core::random;
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::pin::pin;
use std::time::Duration;
use tokio::time::{Instant, interval, sleep};
use tokio_tungstenite::tungstenite::Message;

/// The interval of pings while no other frame is sent; any frame shows that the client is alive.
const PINGS_EVERY: Duration = Duration::from_secs(20);
/// The time within which clients reconnect, each at a random moment, when their instance ends.
const SPREAD: Duration = Duration::from_secs(5);
/// The longest pause between two attempts to connect.
const MAX_WAIT: Duration = Duration::from_secs(10);

/// The commands of the interactive mode.
pub const HELP: &str = "sub <channel>, unsub <channel>, typing <channel>, dm <id>, undm <id>, status <word> [message], ping, quit";

/// Executes the command of each line, and shows all received frames. Reconnects by itself, unless
/// the close code forbids it.
///
/// # Errors
/// [`Ended`] when it cannot continue; `quit` and the end of input are not errors.
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

/// The pause before the next attempt to connect; `None`: do not reconnect.
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

/// Runs until the end of input or of the connection.
async fn talk(
    socket: &mut Socket,
    lines: &mut (impl Stream<Item = String> + Unpin),
    rooms: &mut BTreeSet<(&'static str, String)>,
    show: &impl Fn(String),
) -> Result<(), Ended> {
    for (name, id) in rooms.iter() {
        send_frame(socket, &json!({"type": "subscribe", *name: id})).await?;
    }
    let mut pings = interval(PINGS_EVERY);
    loop {
        tokio::select! {
            reply = receive(socket) => show(format!("< {}", reply?)),
            _ = pings.tick() => socket.send(Message::Ping(Vec::new().into())).await.map_err(lost)?,
            line = lines.next() => {
                let Some(line) = line else { return Ok(()) };
                let line = line.trim();
                if line == "quit" {
                    return Ok(());
                }
                match frame_of(line, rooms) {
                    Some(frame) => send_frame(socket, &frame).await?,
                    None if line.is_empty() => {}
                    None => show(HELP.to_owned()),
                }
            }
        }
    }
}

/// The frame for a command; `None` for an unknown command.
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
    fn a_client_that_was_disconnected_for_good_does_not_reconnect() {
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
