//! The inbox: bounded queues of messages, one for each shard.

use crate::keys::Keys;
use parking_lot::Mutex;
use redis::{PushInfo, PushKind, Value};
use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use tokio::sync::mpsc;

/// The maximum number of waiting messages of one shard.
const MESSAGES: usize = 8 * 1024;
/// The maximum bytes of waiting messages, of all shards together.
const BYTES: usize = 64 * 1024 * 1024;

/// The sending side, which takes the server's push messages.
///
/// When a message would exceed a bound, the queues of all shards are closed, and the feed ends once
/// the messages in them have been read. The next feed begins with a snapshot.
pub struct Inbox {
    /// The queues by channel; empty once the inbox is closed.
    shards: Mutex<HashMap<String, mpsc::Sender<Vec<u8>>>>,
    /// The bytes of all waiting messages.
    waiting: Arc<AtomicUsize>,
}

/// The receiving side for one shard.
pub struct Messages {
    queue: mpsc::Receiver<Vec<u8>>,
    waiting: Arc<AtomicUsize>,
}

impl Inbox {
    pub fn new(keys: &[Keys]) -> (Self, Vec<Messages>) {
        let waiting = Arc::new(AtomicUsize::new(0));
        let mut shards = HashMap::new();
        let messages = keys.iter().map(|keys| {
            let (sender, queue) = mpsc::channel(MESSAGES);
            shards.insert(keys.channel.clone(), sender);
            Messages { queue, waiting: Arc::clone(&waiting) }
        });
        let messages = messages.collect();
        (Self { shards: Mutex::new(shards), waiting }, messages)
    }

    /// Takes one push message. Must not block: it is called by the task that reads the connection.
    pub fn take(&self, push: PushInfo, ends_at_loss: bool) {
        match push.kind {
            PushKind::Message | PushKind::SMessage => self.queue(push.data),
            PushKind::Disconnection if ends_at_loss => self.close(),
            // A cluster moves a channel with its slot. The numbers of the messages show whether any
            // were missed meanwhile.
            _ => {}
        }
    }

    fn queue(&self, data: Vec<Value>) {
        let Ok([Value::BulkString(channel), Value::BulkString(message)]) = <[Value; 2]>::try_from(data)
        else {
            return;
        };
        let size = message.len();
        let fits = {
            let shards = self.shards.lock();
            let Some(shard) = std::str::from_utf8(&channel).ok().and_then(|channel| shards.get(channel))
            else {
                return;
            };
            self.waiting.fetch_add(size, Ordering::Relaxed) + size <= BYTES && shard.try_send(message).is_ok()
        };
        if !fits {
            self.close();
        }
    }

    fn close(&self) {
        self.shards.lock().clear();
    }
}

impl Messages {
    /// Waits for the next message; `None` once the inbox is closed and empty.
    pub async fn next(&mut self) -> Option<Vec<u8>> {
        let message = self.queue.recv().await?;
        self.waiting.fetch_sub(message.len(), Ordering::Relaxed);
        Some(message)
    }

    /// Whether the inbox is closed; messages that wait can still be read.
    pub fn is_closed(&self) -> bool {
        self.queue.is_closed()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Namespace;
    use futures_util::FutureExt;
    use std::task::Poll;

    fn inbox() -> (Inbox, Vec<Messages>) {
        Inbox::new(&Keys::all(&Namespace::new("n").unwrap(), 2))
    }

    fn push(kind: PushKind, channel: &str, message: &[u8]) -> PushInfo {
        let text = |bytes: &[u8]| Value::BulkString(bytes.to_vec());
        PushInfo { kind, data: vec![text(channel.as_bytes()), text(message)] }
    }

    /// The next message, if one is waiting.
    fn now(messages: &mut Messages) -> Poll<Option<Vec<u8>>> {
        messages.next().now_or_never().map_or(Poll::Pending, Poll::Ready)
    }

    #[test]
    fn a_message_is_queued_for_the_shard_of_its_channel() {
        let (inbox, mut messages) = inbox();
        inbox.take(push(PushKind::Message, "presence:{n:1}", b"a"), true);
        inbox.take(push(PushKind::SMessage, "presence:{other:1}", b"b"), true);
        assert_eq!(now(&mut messages[1]), Poll::Ready(Some(b"a".to_vec())));
        assert_eq!(now(&mut messages[1]), Poll::Pending);
        assert_eq!(now(&mut messages[0]), Poll::Pending);
    }

    #[test]
    fn after_a_lost_connection_all_queues_end_with_their_waiting_messages() {
        let (inbox, mut messages) = inbox();
        inbox.take(push(PushKind::Message, "presence:{n:0}", b"a"), true);
        inbox.take(push(PushKind::Disconnection, "", b""), true);
        assert_eq!(now(&mut messages[0]), Poll::Ready(Some(b"a".to_vec())));
        assert_eq!(now(&mut messages[0]), Poll::Ready(None));
        assert_eq!(now(&mut messages[1]), Poll::Ready(None));
    }

    #[test]
    fn on_a_cluster_a_lost_connection_does_not_close_the_inbox() {
        let (inbox, mut messages) = inbox();
        inbox.take(push(PushKind::Disconnection, "", b""), false);
        inbox.take(push(PushKind::SMessage, "presence:{n:0}", b"a"), false);
        assert_eq!(now(&mut messages[0]), Poll::Ready(Some(b"a".to_vec())));
    }

    #[test]
    fn too_many_waiting_messages_close_the_inbox_and_none_is_skipped() {
        let (inbox, mut messages) = inbox();
        for n in 0..=MESSAGES {
            inbox.take(push(PushKind::Message, "presence:{n:0}", n.to_string().as_bytes()), true);
        }
        for n in 0..MESSAGES {
            assert_eq!(now(&mut messages[0]), Poll::Ready(Some(n.to_string().into_bytes())));
        }
        assert_eq!(now(&mut messages[0]), Poll::Ready(None));
    }

    #[test]
    fn too_many_waiting_bytes_close_the_inbox() {
        let (inbox, mut messages) = inbox();
        let large = vec![b'x'; BYTES / 4];
        for _ in 0..5 {
            inbox.take(push(PushKind::Message, "presence:{n:0}", &large), true);
        }
        for _ in 0..4 {
            assert!(matches!(now(&mut messages[0]), Poll::Ready(Some(_))));
        }
        assert_eq!(now(&mut messages[0]), Poll::Ready(None));
    }
}
