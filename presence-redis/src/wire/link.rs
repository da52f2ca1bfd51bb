//! The connection that the calls of a handle share: opened when it is first needed, and replaced
//! when it is broken.

use crate::error::{classify, ends_connection, is_other_shards, timeout};
use crate::wire::connection::{Connection, OnPush, Source};
use crate::wire::script::Script;
use futures_util::FutureExt;
use futures_util::future::{BoxFuture, Shared};
use parking_lot::Mutex;
use presence_core::random;
use presence_core::store::{Error, Kind, Result};
use redis::aio::SendError;
use redis::{Cmd, PushInfo, PushKind, RedisError, Value};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;
use tokio::time::Instant;

/// The pause between attempts to connect, from 20 ms to 250 ms.
pub fn backoff(failures: u32) -> Duration {
    random::backoff(failures, Duration::from_millis(20), Duration::from_millis(250))
}

/// A connection that is opened on demand.
///
/// Concurrent callers wait for the same attempt to connect. After a failed attempt, calls fail at
/// once with its error for a short while, so that no queue builds up in front of a server
/// that is down.
pub struct Link {
    pub source: Arc<Source>,
    connect_timeout: Duration,
    call_timeout: Duration,
    /// The call that a new connection must accept: it checks the first shard.
    hello: (&'static Script, Cmd),
    state: Mutex<State>,
    /// The time without an answer on the current connection.
    silence: Silence,
}

/// Measures the time without any answer. As long as there are answers, the connection works; a call
/// that hangs or fails then concerns one node of a cluster, or that call only.
#[derive(Debug)]
pub struct Silence {
    began: Instant,
    /// The time of the last answer, in milliseconds since the start of this value.
    answered: AtomicU64,
    /// The silence after which a connection is given up.
    patience: Duration,
}

impl Silence {
    /// Sets the bound to three call timeouts. A single call without an answer is not enough to
    /// decide that the peer has vanished.
    pub fn new(call_timeout: Duration) -> Self {
        Self { began: Instant::now(), answered: AtomicU64::new(0), patience: call_timeout.saturating_mul(3) }
    }

    /// Ends the silence: a call was answered, or a new connection was opened.
    pub fn ends(&self) {
        let after = u64::try_from(self.began.elapsed().as_millis()).unwrap_or(u64::MAX);
        self.answered.store(after, Ordering::Relaxed);
    }

    /// Whether the silence has exceeded its bound.
    pub fn is_long(&self) -> bool {
        let answered = Duration::from_millis(self.answered.load(Ordering::Relaxed));
        self.began.elapsed().saturating_sub(answered) >= self.patience
    }
}

type Attempt = Shared<BoxFuture<'static, std::result::Result<Opened, Arc<Error>>>>;

/// A connection that was opened.
#[derive(Clone)]
struct Opened {
    connection: Connection,
    /// Set when the server has closed it, so that the next call does not use it and fail. The
    /// connections of a cluster are replaced by the client.
    is_closed: Arc<AtomicBool>,
}

/// The state of the connection. Attempts are numbered, so that the failure of an old connection
/// does not close the new one.
enum State {
    Down { number: u64, failures: u32, until: Instant, error: Option<Arc<Error>> },
    Connecting { number: u64, failures: u32, attempt: Attempt },
    Up { number: u64, opened: Opened },
}

impl Link {
    pub fn new(source: Source, timeouts: (Duration, Duration), hello: (&'static Script, Cmd)) -> Self {
        crate::metrics::describe();
        Self {
            source: Arc::new(source),
            connect_timeout: timeouts.0,
            call_timeout: timeouts.1,
            hello,
            state: Mutex::new(State::Down { number: 0, failures: 0, until: Instant::now(), error: None }),
            silence: Silence::new(timeouts.1),
        }
    }

    /// Calls a script, with the timeout of a call.
    pub async fn call(&self, script: &Script, call: &Cmd) -> Result<Value> {
        self.within(|mut connection| async move { script.call(&mut connection, call).await }).await
    }

    /// Sends a command, with the timeout of a call.
    pub async fn send(&self, command: &Cmd) -> Result<Value> {
        self.within(|mut connection| async move { connection.send(command).await }).await
    }

    /// Uses the connection for one call, with the timeout of a call. Gives the connection up if it
    /// is broken.
    async fn within<F>(&self, send: impl FnOnce(Connection) -> F + Send) -> Result<Value>
    where
        F: Future<Output = std::result::Result<Value, RedisError>> + Send,
    {
        let mut used = None;
        let answer = tokio::time::timeout(self.call_timeout, async {
            let (number, connection) = self.connection().await?;
            used = Some(number);
            Ok::<_, Error>(send(connection).await)
        });
        match answer.await {
            Err(_elapsed) => {
                if let Some(number) = used {
                    self.suspect(number);
                }
                Err(timeout())
            }
            Ok(Err(error)) => Err(error),
            Ok(Ok(Ok(value))) => {
                self.silence.ends();
                Ok(value)
            }
            Ok(Ok(Err(error))) => {
                match used {
                    Some(_) if !ends_connection(&error) => self.silence.ends(),
                    // The client reconnects to the nodes of a cluster by itself, and the error may
                    // concern one node only.
                    Some(number) if self.source.is_cluster() => self.suspect(number),
                    Some(number) => self.give_up(number),
                    None => {}
                }
                Err(classify(error))
            }
        }
    }

    /// Gives the connection up if it has not answered any call for long.
    fn suspect(&self, number: u64) {
        if self.silence.is_long() {
            self.give_up(number);
        }
    }

    /// Gives up the connection with this number, unless it is replaced already. The next call opens
    /// a new one.
    fn give_up(&self, used: u64) {
        let mut state = self.state.lock();
        if matches!(&*state, State::Up { number, .. } if *number == used) {
            *state = State::Down { number: used, failures: 0, until: Instant::now(), error: None };
        }
    }

    /// The open connection and its number, or the result of the attempt to open one.
    async fn connection(&self) -> Result<(u64, Connection)> {
        let (number, attempt) = {
            let mut state = self.state.lock();
            match &*state {
                State::Up { number, opened } if !opened.is_closed.load(Ordering::Relaxed) => {
                    return Ok((*number, opened.connection.clone()));
                }
                State::Connecting { number, attempt, .. } => (*number, attempt.clone()),
                State::Down { until, error: Some(error), .. } if Instant::now() < *until => {
                    return Err(error.again());
                }
                State::Down { number, failures, .. } => {
                    let (number, failures) = (*number, *failures);
                    self.connect(&mut state, number + 1, failures)
                }
                State::Up { number, .. } => {
                    let number = *number;
                    self.connect(&mut state, number + 1, 0)
                }
            }
        };
        let outcome = attempt.await;
        self.note(number, &outcome);
        outcome.map(|opened| (number, opened.connection)).map_err(|error| error.again())
    }

    fn connect(&self, state: &mut State, number: u64, failures: u32) -> (u64, Attempt) {
        let attempt = self.attempt();
        *state = State::Connecting { number, failures, attempt: attempt.clone() };
        (number, attempt)
    }

    /// Starts an attempt as a task, so that it continues when a waiting call times out. The next
    /// call waits for the same attempt.
    fn attempt(&self) -> Attempt {
        let (source, patience, (script, hello)) =
            (Arc::clone(&self.source), self.connect_timeout, self.hello.clone());
        let opening = async move { open(&source, patience, script, &hello).await.map_err(Arc::new) };
        let stopped = || Arc::new(Error::new(Kind::Unavailable, "the runtime is shutting down"));
        let joined = tokio::spawn(opening).map(move |joined| joined.unwrap_or_else(|_| Err(stopped())));
        joined.boxed().shared()
    }

    /// Stores the outcome of an attempt, unless another caller has done so.
    fn note(&self, awaited: u64, outcome: &std::result::Result<Opened, Arc<Error>>) {
        let mut state = self.state.lock();
        let State::Connecting { number, failures, .. } = &*state else { return };
        if *number != awaited {
            return;
        }
        let failures = *failures;
        *state = match outcome {
            Ok(opened) => {
                self.silence.ends();
                State::Up { number: awaited, opened: opened.clone() }
            }
            Err(error) => State::Down {
                number: awaited,
                failures: failures + 1,
                until: Instant::now() + backoff(failures),
                error: Some(Arc::clone(error)),
            },
        };
    }

    /// Opens a separate connection, for a watch.
    pub async fn open(&self, on_push: OnPush) -> Result<Connection> {
        let connection = self.source.open(self.connect_timeout, Some(on_push)).await?;
        greet(&self.source, connection, self.connect_timeout, self.hello.0, &self.hello.1).await
    }

    /// The timeout of a call.
    pub fn call_timeout(&self) -> Duration {
        self.call_timeout
    }
}

/// Opens a connection and checks it.
async fn open(source: &Source, patience: Duration, script: &Script, hello: &Cmd) -> Result<Opened> {
    let is_closed = Arc::<AtomicBool>::default();
    let closed = Arc::clone(&is_closed);
    let on_push: OnPush = Arc::new(move |push: PushInfo| {
        if push.kind == PushKind::Disconnection {
            closed.store(true, Ordering::Relaxed);
        }
        Ok::<(), SendError>(())
    });
    let connection = source.open(patience, (!source.is_cluster()).then_some(on_push)).await?;
    let connection = greet(source, connection, patience, script, hello).await?;
    Ok(Opened { connection, is_closed })
}

/// Checks a new connection before it is used. It is refused if the namespace is in use with another
/// number of shards. It is also refused if the server is a replica or the connection breaks; the
/// next attempt then waits for the backoff. Other errors are ignored, since they concern only the
/// first shard.
async fn greet(
    source: &Source,
    mut connection: Connection,
    patience: Duration,
    script: &Script,
    hello: &Cmd,
) -> Result<Connection> {
    match tokio::time::timeout(patience, script.call(&mut connection, hello)).await {
        Ok(Err(error)) if is_other_shards(&error) => Err(classify(error)),
        Ok(Err(error)) if !source.is_cluster() && ends_connection(&error) => Err(classify(error)),
        _ => Ok(connection),
    }
}
