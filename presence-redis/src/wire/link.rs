//! The connection that a handle's calls share: made when it is needed, given up when it is of no
//! use any more.

use crate::error::{classify, ends_connection, is_other_shards, timeout};
use crate::wire::connection::{Connection, Source};
use crate::wire::script::Script;
use futures_util::FutureExt;
use futures_util::future::{BoxFuture, Shared};
use parking_lot::Mutex;
use presence_core::random;
use presence_core::store::{Error, Kind, Result};
use redis::{Cmd, RedisError, Value};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;
use tokio::time::Instant;

/// Waits between attempts to connect: from 20 ms doubling to 250 ms, with jitter so that processes
/// do not march in step.
pub fn backoff(failures: u32) -> Duration {
    let full = Duration::from_millis(20 << failures.min(4)).min(Duration::from_millis(250));
    full.mul_f64(0.5 + random::fraction() / 2.0)
}

/// A connection on demand.
///
/// Callers who need one at the same time wait for the same attempt. After a failed one, calls fail
/// at once for a short while: they say what is wrong, and nobody queues up in front of a server
/// that is gone.
pub struct Link {
    pub source: Arc<Source>,
    connect_timeout: Duration,
    call_timeout: Duration,
    /// What a new connection must not refuse: a look at the first shard.
    hello: (&'static Script, Cmd),
    state: Mutex<State>,
    /// That of the present connection.
    silence: Silence,
}

/// For how long nothing at all was answered. While anything is, the connection lives, and what
/// hangs or fails is a node of a cluster, or a call.
#[derive(Debug)]
pub struct Silence {
    began: Instant,
    /// When the last answer came, in milliseconds since then.
    answered: AtomicU64,
    /// How long is too long.
    patience: Duration,
}

impl Silence {
    /// Too long is what a few calls take in turn: a server that hangs, and a peer that vanished
    /// without a word, look the same.
    pub fn new(call_timeout: Duration) -> Self {
        Self { began: Instant::now(), answered: AtomicU64::new(0), patience: call_timeout.saturating_mul(3) }
    }

    /// A call was answered, or a new connection begins.
    pub fn ends(&self) {
        let after = u64::try_from(self.began.elapsed().as_millis()).unwrap_or(u64::MAX);
        self.answered.store(after, Ordering::Relaxed);
    }

    /// Whether it is too long.
    pub fn is_long(&self) -> bool {
        let answered = Duration::from_millis(self.answered.load(Ordering::Relaxed));
        self.began.elapsed().saturating_sub(answered) >= self.patience
    }
}

type Attempt = Shared<BoxFuture<'static, std::result::Result<Connection, Arc<Error>>>>;

/// Attempts are numbered, so that the failure of an old connection does not end the new one.
enum State {
    Down { number: u64, failures: u32, until: Instant, error: Option<Arc<Error>> },
    Connecting { number: u64, failures: u32, attempt: Attempt },
    Up { number: u64, connection: Connection },
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

    /// Calls a script, within the time that a call may take.
    pub async fn call(&self, script: &Script, call: &Cmd) -> Result<Value> {
        self.within(|mut connection| async move { script.call(&mut connection, call).await }).await
    }

    /// Sends a command, within the time that a call may take.
    pub async fn send(&self, command: &Cmd) -> Result<Value> {
        self.within(|mut connection| async move { connection.send(command).await }).await
    }

    async fn within<F>(&self, send: impl FnOnce(Connection) -> F + Send) -> Result<Value>
    where
        F: Future<Output = std::result::Result<Value, RedisError>> + Send,
    {
        let mut used = None;
        let told = tokio::time::timeout(self.call_timeout, async {
            let (number, connection) = self.connection().await?;
            used = Some(number);
            Ok::<_, Error>(send(connection).await)
        });
        match told.await {
            Err(_elapsed) => {
                if let Some(number) = used {
                    self.doubt(number);
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
                    // A cluster's connection mends itself, and one node is not the whole of it.
                    Some(number) if self.source.is_cluster() => self.doubt(number),
                    Some(number) => self.give_up(number),
                    None => {}
                }
                Err(classify(error))
            }
        }
    }

    fn doubt(&self, number: u64) {
        if self.silence.is_long() {
            self.give_up(number);
        }
    }

    fn give_up(&self, used: u64) {
        let mut state = self.state.lock();
        if matches!(&*state, State::Up { number, .. } if *number == used) {
            *state = State::Down { number: used, failures: 0, until: Instant::now(), error: None };
        }
    }

    async fn connection(&self) -> Result<(u64, Connection)> {
        let (number, attempt) = {
            let mut state = self.state.lock();
            match &*state {
                State::Up { number, connection } => return Ok((*number, connection.clone())),
                State::Connecting { number, attempt, .. } => (*number, attempt.clone()),
                State::Down { until, error: Some(error), .. } if Instant::now() < *until => {
                    return Err(error.again());
                }
                State::Down { number, failures, .. } => {
                    let (number, failures) = (number + 1, *failures);
                    let attempt = self.attempt();
                    *state = State::Connecting { number, failures, attempt: attempt.clone() };
                    (number, attempt)
                }
            }
        };
        let outcome = attempt.await;
        self.note(number, &outcome);
        outcome.map(|connection| (number, connection)).map_err(|error| error.again())
    }

    /// Runs by itself: whoever waits for it may give up, and the next one finds it further on.
    fn attempt(&self) -> Attempt {
        let (source, patience, (script, hello)) =
            (Arc::clone(&self.source), self.connect_timeout, self.hello.clone());
        let opening = async move { open(&source, patience, script, &hello).await.map_err(Arc::new) };
        let stopped = || Arc::new(Error::new(Kind::Unavailable, "the runtime is shutting down"));
        let joined = tokio::spawn(opening).map(move |joined| joined.unwrap_or_else(|_| Err(stopped())));
        joined.boxed().shared()
    }

    fn note(&self, awaited: u64, outcome: &std::result::Result<Connection, Arc<Error>>) {
        let mut state = self.state.lock();
        let State::Connecting { number, failures, .. } = &*state else { return };
        if *number != awaited {
            return;
        }
        let failures = *failures;
        *state = match outcome {
            Ok(connection) => {
                self.silence.ends();
                State::Up { number: awaited, connection: connection.clone() }
            }
            Err(error) => State::Down {
                number: awaited,
                failures: failures + 1,
                until: Instant::now() + backoff(failures),
                error: Some(Arc::clone(error)),
            },
        };
    }

    /// A connection of its own, for a watch.
    pub async fn open(&self, on_push: crate::wire::connection::OnPush) -> Result<Connection> {
        let connection = self.source.open(self.connect_timeout, Some(on_push)).await?;
        greet(&self.source, connection, self.connect_timeout, self.hello.0, &self.hello.1).await
    }

    /// How long a call may take.
    pub fn call_timeout(&self) -> Duration {
        self.call_timeout
    }
}

async fn open(source: &Source, patience: Duration, script: &Script, hello: &Cmd) -> Result<Connection> {
    greet(source, source.open(patience, None).await?, patience, script, hello).await
}

/// A namespace in use with another number of shards is refused before anything is written, and so
/// is a server that has become a replica, or is gone again: there the next attempt waits. Nothing
/// else is: what else may be wrong with the first shard says nothing of the others.
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
