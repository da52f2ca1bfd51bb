//! Beats for this process: one message, however many connections it holds.

use super::super::inner::Inner;
use crate::model::Node;
use crate::store::Touch;
use std::sync::Arc;
use std::time::Duration;

/// A quarter of the default `held_for`: three beats may get lost before anybody is missed.
const EVERY: Duration = Duration::from_secs(2);

pub async fn run(inner: Arc<Inner>) {
    inner.knows_time().await;
    loop {
        if inner.draining.borrow().is_some() {
            // The last beat said how long its sessions live on.
            return;
        }
        let beat = inner.roster.beat_node(inner.now());
        let next = inner.now() + EVERY.min(inner.roster.policy().held_for / 4);
        // A failure needs no word here: the next beat says the same.
        let _ = tell(&inner, beat).await;
        inner.clock.sleep_until(next).await;
    }
}

/// Tells the store of this process's beat.
pub async fn tell(inner: &Inner, node: Node) -> crate::store::Result<()> {
    let Node { id, seen_at, drain_for } = node;
    let touch = [Touch::Node { node: id, seen_at, drain_for }];
    inner.call(inner.store().touch(&touch)).await.map(drop)
}
