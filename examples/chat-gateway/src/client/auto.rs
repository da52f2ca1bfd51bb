//! A demonstration of the gateway's features.

use super::{Ended, PATIENCE, Target, connect, receive, send_frame};
use serde_json::{Value, json};
use tokio::time::timeout;

/// Connects, subscribes, types, pings, changes the room, and uses direct messages;
/// shows all frames.
///
/// # Errors
/// [`Ended`], as soon as a response is not the expected one.
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
        send_frame(&mut socket, &frame).await?;
        let Some(answer) = answer else { continue };
        let until = async {
            loop {
                let reply = receive(&mut socket).await?;
                show(format!("< {reply}"));
                if reply["type"] == "error" {
                    return Err(Ended::Failed(format!("{frame} was refused: {reply}")));
                }
                let is_room =
                    room.as_object().is_none_or(|ids| ids.iter().all(|(name, id)| reply[name] == *id));
                if reply["type"] == answer && is_room {
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
