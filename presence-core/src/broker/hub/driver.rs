//! The driver: the task of a hub that brings rooms up to date with the server.

use super::backend::{Backend, Interest, ReadFrom};
use super::room::Room;
use super::{Inner, Wakes};
use crate::random;
use crate::store::Result;
use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;
use std::sync::{Arc, Weak};
use std::time::Duration;
use tokio::sync::mpsc;

/// Most rooms that are brought up to date concurrently.
const AT_ONCE: usize = 64;

/// Backoff of a room, from 50 ms to 1 s.
pub(super) fn pause(failures: u32) -> Duration {
    random::backoff(failures, Duration::from_millis(50), Duration::from_secs(1))
}

/// Runs until the hub is dropped.
pub(super) async fn run(hub: Weak<Inner>, mut rooms: mpsc::UnboundedReceiver<Arc<Room>>) {
    let mut running = FuturesUnordered::new();
    let mut pausing = FuturesUnordered::new();
    loop {
        tokio::select! {
            room = rooms.recv(), if running.len() < AT_ONCE => match room {
                Some(room) => running.push(attempt(hub.clone(), room, 0)),
                None => return,
            },
            Some(failed) = running.next(), if !running.is_empty() => {
                if let Some((room, failures)) = failed {
                    pausing.push(async move {
                        tokio::time::sleep(pause(failures)).await;
                        (room, failures + 1)
                    });
                }
            }
            Some((room, failures)) = pausing.next(), if !pausing.is_empty() && running.len() < AT_ONCE => {
                running.push(attempt(hub.clone(), room, failures));
            }
        }
    }
}

/// Brings a room up to date; returns it if another attempt is necessary.
async fn attempt(hub: Weak<Inner>, room: Arc<Room>, failures: u32) -> Option<(Arc<Room>, u32)> {
    let backend = Arc::clone(&hub.upgrade()?.backend);
    loop {
        if room.state.lock().members == 0 {
            return None;
        }
        let outcome = bring_up_to_date(backend.as_ref(), &room).await;
        // The backend may have opened the interest after the last subscriber left.
        hub.upgrade()?.close_unless_wanted(&room.interest);
        if let Err(error) = outcome {
            if failures == 0 {
                tracing::debug!(%error, "a channel waits for its broker");
            }
            return Some((room, failures));
        }
        let (done, then) = room.state.lock().finish(matches!(room.interest, Interest::Prefix(_)));
        drop(Wakes(then.wake));
        if done {
            return None;
        }
    }
}

async fn bring_up_to_date(backend: &dyn Backend, room: &Room) -> Result<()> {
    let mut from = room.state.lock().begin();
    backend.open(&room.interest).await?;
    let Interest::Channel(channel) = &room.interest else { return Ok(()) };
    loop {
        let page = match from {
            ReadFrom::After(head) => backend.read_after_head(channel, head).await?,
            from => backend.read(channel, from).await?,
        };
        let more = page.more;
        from = ReadFrom::position(page.position);
        let then = room.state.lock().read(page);
        drop(Wakes(then.wake));
        if !more {
            return Ok(());
        }
    }
}
