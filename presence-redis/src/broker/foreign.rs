//! Plain `PUBLISH` messages from and to services that do not use this crate.

use super::names::escape;
use super::{Shared, calls};
use metrics::counter;
use parking_lot::Mutex;
use presence_core::broker::{Channel, Publish, Published};
use presence_core::store::{Error, Kind, Result};
use std::fmt;
use std::hash::BuildHasher;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;
use tokio::sync::mpsc;
use tokio::time::Instant;

/// A suffix of every payload that this crate publishes for foreign services, by which it ignores
/// its own messages. It is white space, which parsers of JSON skip.
pub const MARK: &str = " \t\t \t  \t\n \t\t\t \n";

/// The maximum number of foreign messages that wait to be stored; more are dropped,
/// counted and logged.
pub const WAITING: usize = 16 * 1024;
/// The maximum bytes of foreign messages that wait to be stored; see [`WAITING`].
pub const WAITING_BYTES: usize = 16 * 1024 * 1024;

type Read = dyn Fn(&str, &[u8]) -> Option<Publish> + Send + Sync;
type Name = dyn Fn(&Channel) -> Option<String> + Send + Sync;

/// Maps plain pub/sub channels of other services to channels of this broker.
///
/// ```
/// use presence_core::broker::{Channel, Publish};
/// use presence_redis::Foreign;
/// use std::time::Duration;
/// # fn main() -> Result<(), presence_core::store::Error> {
///
/// // `PUBLISH job:7:updates '{"progress":5}'` becomes an event of the channel `job:7` …
/// let jobs = Foreign::new("job:{}:updates", |id, payload| {
///     serde_json::from_slice::<serde_json::Value>(payload).ok()?;
///     Some(Publish::new(Channel::new(format!("job:{id}")).ok()?, payload.to_vec()))
/// })?
/// // … the same message within ten seconds is the same event …
/// .window(Duration::from_secs(10))
/// // … and what is published to the channel `job:7` is also published on `job:7:updates`.
/// .published_as(|channel| channel.as_str().strip_prefix("job:").map(str::to_owned));
/// # Ok(()) }
/// ```
///
/// A message is stored once, however many processes receive it: those with a [key](Publish::key) by
/// their key, others by their content within the window. Pub/sub itself guarantees nothing: a
/// message that no process receives is lost.
#[derive(Clone)]
pub struct Foreign {
    before: Arc<str>,
    after: Arc<str>,
    read: Arc<Read>,
    published_as: Option<Arc<Name>>,
    window: Duration,
}

impl Foreign {
    /// Maps all pub/sub channels whose names match a template. Its one `{}` matches any text.
    ///
    /// `read` gets the text in the place of `{}` and the payload, and returns the message to store.
    /// It returns `None` for an invalid payload: then the message is ignored and counted, and a
    /// warning is logged at most every ten seconds. It is called by the task that reads the
    /// connection, so it must be fast. A panic in it counts as `None`.
    ///
    /// # Errors
    /// [`Kind::Rejected`] when the template has no `{}` or several, or consists only of `{}`.
    pub fn new(
        template: &str,
        read: impl Fn(&str, &[u8]) -> Option<Publish> + Send + Sync + 'static,
    ) -> Result<Self> {
        match template.split("{}").collect::<Vec<_>>()[..] {
            [before, after] if !(before.is_empty() && after.is_empty()) => Ok(Self {
                before: before.into(),
                after: after.into(),
                read: Arc::new(read),
                published_as: None,
                window: Duration::from_secs(10),
            }),
            _ => Err(Error::new(Kind::Rejected, "a template has one {} and something beside it")),
        }
    }

    /// The time within which equal messages without a key are one event. Default 10 s; at
    /// least 1 s.
    ///
    /// It should be longer than the delay between the processes that store the same message. If
    /// equal messages can be sent within that time as different events, as in a chat, give each
    /// message a key.
    pub fn window(self, window: Duration) -> Self {
        Self { window: window.max(Duration::from_secs(1)), ..self }
    }

    /// Publishes the messages of this broker's channels for foreign services too, on the pub/sub
    /// channel that `name` returns.
    pub fn published_as(self, name: impl Fn(&Channel) -> Option<String> + Send + Sync + 'static) -> Self {
        Self { published_as: Some(Arc::new(name)), ..self }
    }

    /// The pattern to subscribe to.
    pub(super) fn pattern(&self) -> String {
        format!("{}*{}", escape(&self.before), escape(&self.after))
    }

    /// Calls the host's code; a panic in it must not end the task that reads the connection.
    fn read(&self, captured: &str, payload: &[u8]) -> Option<Publish> {
        catch_unwind(AssertUnwindSafe(|| (self.read)(captured, payload))).ok().flatten()
    }

    /// The text in the place of `{}` in the name of a pub/sub channel.
    fn captured<'c>(&self, name: &'c str) -> Option<&'c str> {
        name.strip_prefix(&*self.before)?.strip_suffix(&*self.after)
    }

    /// The pub/sub channel on which foreign services get the messages of this channel.
    pub(super) fn pubsub(&self, channel: &Channel) -> Option<String> {
        let name = self.published_as.as_ref()?(channel)?;
        Some(format!("{}{name}{}", self.before, self.after))
    }
}

impl fmt::Debug for Foreign {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Foreign")
            .field("template", &format!("{}{{}}{}", self.before, self.after))
            .finish_non_exhaustive()
    }
}

/// A foreign message that waits to be stored.
pub struct ForeignMessage {
    message: Publish,
    /// The time within which equal messages are one event; `None` for a message with a key.
    window: Option<Duration>,
}

/// Takes foreign messages from the connection and queues them for the task that stores them.
pub struct Intake {
    out: mpsc::Sender<ForeignMessage>,
    bytes: Arc<AtomicUsize>,
    log: LimitedLog,
}

impl Intake {
    pub fn new() -> (Self, mpsc::Receiver<ForeignMessage>, Arc<AtomicUsize>) {
        let (out, queue) = mpsc::channel(WAITING);
        let bytes = Arc::new(AtomicUsize::new(0));
        (Self { out, bytes: Arc::clone(&bytes), log: LimitedLog::default() }, queue, bytes)
    }

    /// Queues a message; never blocks. A payload that ends with [`MARK`] was published by this
    /// crate, in this process or another one, and is ignored.
    pub fn take(&self, foreign: &Foreign, name: &[u8], payload: &[u8]) {
        if payload.ends_with(MARK.as_bytes()) {
            return;
        }
        let captured = std::str::from_utf8(name).ok().and_then(|name| foreign.captured(name));
        let message = captured.and_then(|captured| foreign.read(captured, payload));
        let Some(message) = message.filter(|message| message.check().is_ok()) else {
            counter!("presence_redis_foreign_ignored_total").increment(1);
            self.log
                .emit(|count| tracing::warn!(count, "foreign messages are none of ours and were ignored"));
            return;
        };
        let size = message.payload.len();
        let window = message.key.is_none().then_some(foreign.window);
        let fits = self.bytes.fetch_add(size, Ordering::Relaxed) + size <= WAITING_BYTES;
        if !fits || self.out.try_send(ForeignMessage { message, window }).is_err() {
            self.bytes.fetch_sub(size, Ordering::Relaxed);
            counter!("presence_redis_foreign_dropped_total").increment(1);
            self.log
                .emit(|count| tracing::error!(count, "foreign messages come faster than they are stored"));
        }
    }
}

/// Stores the queued messages in order. While the server is unavailable, the oldest
/// message is retried.
pub async fn store(shared: Arc<Shared>, mut queue: mpsc::Receiver<ForeignMessage>, bytes: Arc<AtomicUsize>) {
    let log = LimitedLog::default();
    while let Some(ForeignMessage { message, window }) = queue.recv().await {
        let size = message.payload.len();
        let once = match window {
            Some(window) => calls::Once::Content(digest(&message), window),
            None => calls::Once::Key,
        };
        let mut failures = 0;
        loop {
            match shared.publish(&message, &once, None).await {
                Ok(Published::Closed(_)) => {
                    counter!("presence_redis_foreign_ignored_total").increment(1);
                    log.emit(|count| {
                        tracing::warn!(count, "foreign messages to closed channels were ignored");
                    });
                }
                Ok(Published::Stored(_) | Published::Repeated(_)) => {}
                Err(error) if matches!(error.kind(), Kind::Unavailable | Kind::Timeout) => {
                    tokio::time::sleep(crate::wire::link::backoff(failures)).await;
                    failures = failures.saturating_add(1);
                    continue;
                }
                Err(error) => {
                    let error = &error as &dyn std::error::Error;
                    log.emit(|count| tracing::error!(count, error, "foreign messages could not be stored"));
                }
            }
            break;
        }
        bytes.fetch_sub(size, Ordering::Relaxed);
    }
}

/// A digest of channel and payload in 128 bits, which is the same in every process.
fn digest(message: &Publish) -> String {
    // The seeds are fixed. The digest need not resist attacks, since an attacker here can publish
    // anything anyway.
    let hash = |seed| {
        let state = foldhash::quality::FixedState::with_seed(seed);
        state.hash_one((message.channel.as_str(), &message.payload[..]))
    };
    format!("{:016x}{:016x}", hash(1), hash(2))
}

/// Logs an event at most every ten seconds, with the number of times that it happened since.
#[derive(Default)]
struct LimitedLog(Mutex<(u64, Option<Instant>)>);

impl LimitedLog {
    fn emit(&self, log: impl FnOnce(u64)) {
        let mut state = self.0.lock();
        state.0 += 1;
        if state.1.is_none_or(|at| at.elapsed() >= Duration::from_secs(10)) {
            let count = std::mem::take(&mut state.0);
            state.1 = Some(Instant::now());
            drop(state);
            log(count);
        }
    }
}
