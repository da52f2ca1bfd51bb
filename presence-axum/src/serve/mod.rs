//! A server for apps with many open streams.

mod connection;
mod descriptors;
mod options;
mod refusal;
mod seats;
mod socket;
mod streams;

pub use options::Options;
pub use refusal::{ErrorBody, error_body};

use crate::metrics::CONNECTIONS;
use axum::Router;
use connection::{Connection, refuse};
use descriptors::Spare;
use http::StatusCode;
use seats::Seats;
use std::future::Future;
use std::io;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::{TcpListener, TcpStream};
use tokio::signal;
use tokio::sync::Semaphore;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

/// The number of connections beyond the cap that are refused with an answer at a time; more are
/// closed without one.
const REFUSED_AT_A_TIME: usize = 64;
/// How long to wait when the process has no file descriptor left to accept with.
const EXHAUSTED: Duration = Duration::from_millis(100);
/// The answer to a client beyond the cap.
const FULL: (StatusCode, &str) = (StatusCode::SERVICE_UNAVAILABLE, "full");
/// The minimum time between two log lines about connections that cannot be accepted.
const LOG_EVERY: Duration = Duration::from_mins(1);

/// Serves `app` on `listener` until `shutdown` completes, then drains.
///
/// It does what `axum::serve` does not:
/// - the number of connections is limited, in total and per client;
/// - a client that does not finish the head of its request is disconnected, and dead peers are
///   detected;
/// - small writes are sent at once, and the kernel buffers little for slow readers;
/// - a drain has a deadline, and ends event streams with a random reconnection time for each
///   client;
/// - a failure to accept a connection does not end the server.
///
/// Handlers find the peer in `ConnectInfo<SocketAddr>`. Dropping the future closes all connections.
///
/// ```
/// use axum::{Router, routing::get};
/// use presence_axum::serve;
/// use std::time::Duration;
///
/// # async fn example() -> std::io::Result<()> {
/// let app = Router::new().route("/", get(async || "hello"));
/// let listener = tokio::net::TcpListener::bind(("127.0.0.1", 8080)).await?;
/// let options = serve::Options::default().drain_for(Duration::from_secs(3));
/// serve::serve(listener, app, options, serve::terminated()).await;
/// # Ok(()) }
/// ```
pub async fn serve(listener: TcpListener, app: Router, options: Options, shutdown: impl Future<Output = ()>) {
    let drain = CancellationToken::new();
    let max_connections = descriptors::connections(options.max_connections);
    let options = Arc::new(options.max_connections(max_connections));
    let mut connections = accept(listener, &app, &options, &drain, shutdown).await;
    tracing::info!(connections = connections.len(), "draining");
    drain.cancel();
    let all_done = async { while connections.join_next().await.is_some() {} };
    if tokio::time::timeout(options.drain_for, all_done).await.is_err() {
        tracing::warn!(
            connections = connections.len(),
            "closing the connections that are still open after the drain"
        );
        connections.shutdown().await;
    }
}

/// Accepts connections until `shutdown` completes, and returns the open ones. The listener is
/// closed by then.
async fn accept(
    listener: TcpListener,
    app: &Router,
    options: &Arc<Options>,
    drain: &CancellationToken,
    shutdown: impl Future<Output = ()>,
) -> JoinSet<()> {
    let mut connections = JoinSet::new();
    let refusals = Arc::new(Semaphore::new(REFUSED_AT_A_TIME));
    let seats = Seats::new(options.max_connections_per_client);
    let mut exhaustion = Exhaustion::new();
    let mut shutdown = pin!(shutdown);
    loop {
        let accepted = tokio::select! {
            biased;
            () = &mut shutdown => return connections,
            Some(_) = connections.join_next() => continue,
            accepted = listener.accept() => accepted,
        };
        let (stream, peer) = match accepted {
            Ok(accepted) => accepted,
            Err(error) => {
                exhaustion.handle(&listener, &error, options).await;
                continue;
            }
        };
        let seat = if connections.len() >= options.max_connections {
            Err(FULL)
        } else {
            seats.take(peer).ok_or((StatusCode::TOO_MANY_REQUESTS, "too many connections"))
        };
        let seat = match seat {
            Ok(seat) => seat,
            Err(why) => {
                CONNECTIONS.refused.increment(1);
                if let Ok(permit) = Arc::clone(&refusals).try_acquire_owned() {
                    let options = Arc::clone(options);
                    tokio::spawn(async move {
                        refuse(stream, why, &options).await;
                        drop(permit);
                    });
                }
                continue;
            }
        };
        if let Err(error) = prepare(&stream, options) {
            tracing::debug!(%error, "a socket could not be set up"); // it was closed meanwhile
            continue;
        }
        let connection = Connection { app: app.clone(), peer, drain: drain.clone(), seat };
        connections.spawn(connection.run(stream, Arc::clone(options)));
    }
}

/// Handles errors of accepting connections.
struct Exhaustion {
    spare: Spare,
    said_on: Option<tokio::time::Instant>,
}

impl Exhaustion {
    fn new() -> Self {
        Self { spare: Spare::new(), said_on: None }
    }

    /// Handles an error of accepting. An error of one connection is ignored. An error of the
    /// process (no file descriptors) would repeat at once: the spare descriptor lets one client be
    /// refused with an answer, and the error is logged once a minute.
    async fn handle(&mut self, listener: &TcpListener, error: &io::Error, options: &Options) {
        use io::ErrorKind::{ConnectionAborted, ConnectionRefused, ConnectionReset};
        if matches!(error.kind(), ConnectionAborted | ConnectionRefused | ConnectionReset) {
            return;
        }
        let now = tokio::time::Instant::now();
        if self.said_on.is_none_or(|said_on| now - said_on >= LOG_EVERY) {
            self.said_on = Some(now);
            tracing::error!(%error, "cannot accept connections");
        }
        if !self.spare.give_up() {
            tokio::time::sleep(EXHAUSTED).await;
            self.spare.keep();
            return;
        }
        CONNECTIONS.refused.increment(1);
        if let Ok(Ok((stream, _))) = tokio::time::timeout(EXHAUSTED, listener.accept()).await {
            let _ = tokio::time::timeout(EXHAUSTED, refuse(stream, FULL, options)).await;
        }
        self.spare.keep();
    }
}

fn prepare(stream: &TcpStream, options: &Options) -> io::Result<()> {
    stream.set_nodelay(true)?;
    let socket = socket2::SockRef::from(stream);
    if let Some(bytes) = options.send_buffer {
        socket.set_send_buffer_size(bytes)?;
    }
    socket.set_tcp_keepalive(&socket2::TcpKeepalive::new().with_time(options.dead_after))?;
    #[cfg(any(target_os = "linux", target_os = "android"))]
    socket.set_tcp_user_timeout(Some(options.dead_after))?;
    Ok(())
}

/// Returns when the process is asked to end: by Ctrl-C, or by `SIGTERM` as containers send it.
///
/// # Panics
/// When the operating system does not deliver signals to the process.
#[expect(clippy::expect_used, reason = "a server that cannot be stopped should not start")]
pub async fn terminated() {
    #[cfg(unix)]
    {
        let mut terminate =
            signal::unix::signal(signal::unix::SignalKind::terminate()).expect("SIGTERM can be received");
        tokio::select! {
            _ = terminate.recv() => {}
            interrupted = signal::ctrl_c() => interrupted.expect("Ctrl-C can be received"),
        }
    }
    #[cfg(not(unix))]
    signal::ctrl_c().await.expect("Ctrl-C can be received");
}
