//! Where a lookaside gets the changes of the store from: a watch of its own, or that of another
//! reader in the process.

use futures_util::StreamExt;
use futures_util::stream::BoxStream;
use parking_lot::Mutex;
use presence_core::store::FeedEvent;
use presence_core::{PresenceStore, random};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{Notify, mpsc};

/// The shortest and the longest pause before an ended watch of its own is opened again.
const PAUSE: (Duration, Duration) = (Duration::from_millis(100), Duration::from_secs(2));

/// How many events may wait for the second reader of a watch. The first reader waits for it then.
const WAITING: usize = 256;

/// The changes of a store, one watch after the other.
pub struct Changes(Source);

enum Source {
    Own {
        store: Arc<dyn PresenceStore>,
        /// The pause before the next watch; none before the first.
        pause: Option<Duration>,
    },
    Shared(Arc<Offered>),
}

/// The copy of the latest watch, until the second reader takes it.
#[derive(Default)]
struct Offered {
    watch: Mutex<Option<mpsc::Receiver<FeedEvent>>>,
    is_new: Notify,
}

impl Changes {
    /// Those of a watch that the lookaside opens itself.
    pub fn of(store: Arc<dyn PresenceStore>) -> Self {
        Self(Source::Own { store, pause: None })
    }

    /// Those of each watch of the returned store, which another reader opens. So the server sends
    /// every change once to this process, and it is decoded once.
    pub fn shared(store: Arc<dyn PresenceStore>) -> (Arc<dyn PresenceStore>, Self) {
        let offered = Arc::<Offered>::default();
        let watched = Watched { store, offered: Arc::clone(&offered) };
        (Arc::new(watched), Self(Source::Shared(offered)))
    }

    /// The next watch, from its beginning, after a pause that grows from one to the next. If it is
    /// shared, waits until the other reader opens it; it ends when the other reader's does.
    pub(super) async fn watch(&mut self) -> BoxStream<'static, FeedEvent> {
        let offered = match &mut self.0 {
            Source::Own { store, pause } => {
                if let Some(pause) = *pause {
                    tokio::time::sleep(pause.mul_f64(0.5 + random::fraction() / 2.0)).await;
                }
                *pause = Some(pause.map_or(PAUSE.0, |pause| (2 * pause).min(PAUSE.1)));
                return store.watch();
            }
            Source::Shared(offered) => offered,
        };
        loop {
            if let Some(mut watch) = offered.watch.lock().take() {
                return futures_util::stream::poll_fn(move |cx| watch.poll_recv(cx)).boxed();
            }
            offered.is_new.notified().await;
        }
    }

    /// The watch works: the pause after it is the shortest.
    pub(super) fn works(&mut self) {
        if let Source::Own { pause, .. } = &mut self.0 {
            *pause = Some(PAUSE.0);
        }
    }
}

/// A store that offers a copy of each of its watches.
struct Watched {
    store: Arc<dyn PresenceStore>,
    offered: Arc<Offered>,
}

impl PresenceStore for Watched {
    presence_core::delegate_store!(@but_watch |watched| watched.store);

    fn watch(&self) -> BoxStream<'static, FeedEvent> {
        let (copy, copied) = mpsc::channel(WAITING);
        *self.offered.watch.lock() = Some(copied);
        self.offered.is_new.notify_one();
        let copy_first = move |event: FeedEvent| {
            let copy = copy.clone();
            async move {
                // Fails only after the second reader has ended.
                let _ = copy.send(event.clone()).await;
                event
            }
        };
        self.store.watch().then(copy_first).boxed()
    }
}
