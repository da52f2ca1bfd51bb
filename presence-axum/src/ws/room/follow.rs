//! The tasks that pass updates of the roster to a room.

use super::{LARGE_WAITS, Room};
use presence_core::CountUpdates;
use std::future::poll_fn;
use std::sync::{Arc, Weak};
use std::task::Poll;
use tokio::sync::Notify;

/// Passes updates to a room. Changes during the pause between two updates are combined
/// into one diff.
pub(super) async fn follow(room: Weak<Room>, repoll: Arc<Notify>) {
    loop {
        let Some(wait) = room.upgrade().map(|room| {
            let waits = if room.state.lock().size.is_large() { LARGE_WAITS } else { 1 };
            room.settings.batch * waits
        }) else {
            return;
        };
        let advances = poll_fn(|cx| room.upgrade().map_or(Poll::Ready(None), |room| room.advance(cx)));
        tokio::select! {
            advanced = advances => match advanced {
                Some(()) => tokio::time::sleep(wait).await,
                None => return,
            },
            () = repoll.notified() => {}
        }
    }
}

pub(super) async fn follow_counts(room: Weak<Room>, mut counts: CountUpdates) {
    loop {
        let Some(now) = counts.next().await else { return };
        let Some(room) = room.upgrade() else { return };
        room.apply_counts(now);
        let wait = room.settings.batch;
        drop(room);
        tokio::time::sleep(wait).await;
    }
}
