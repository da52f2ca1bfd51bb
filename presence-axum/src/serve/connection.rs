//! Serves one connection, or refuses it.

use super::Options;
use super::refusal;
use super::seats::Seat;
use super::socket::Socket;
use super::streams::until_drained;
use crate::metrics::CONNECTIONS;
use axum::Router;
use axum::extract::ConnectInfo;
use http::StatusCode;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio_util::sync::CancellationToken;
use tower::Service;

pub(super) struct Connection {
    pub app: Router,
    pub peer: SocketAddr,
    pub drain: CancellationToken,
    pub seat: Seat,
}

impl Connection {
    /// Serves requests until the client or a drain ends it.
    pub(super) async fn run(self, stream: TcpStream, options: Arc<Options>) {
        let _counted = Counted::new();
        let Self { app, peer, drain, seat: _seat } = self;
        let dispatched = Arc::new(AtomicBool::new(false));
        let service = service_fn(|mut request: hyper::Request<Incoming>| {
            dispatched.store(true, Ordering::Relaxed);
            let answer = refusal::check(&request).map(|()| {
                request.extensions_mut().insert(ConnectInfo(peer));
                // A router is always ready, and a clone is a pointer.
                app.clone().call(request)
            });
            let (drain, options) = (&drain, &options);
            async move {
                match answer {
                    Ok(answer) => answer.await.map(|answer| until_drained(answer, drain)),
                    Err((status, words)) => Ok(refusal::response(status, words, options)),
                }
            }
        });
        let stream = Socket::new(stream, Arc::clone(&options), Arc::clone(&dispatched));
        let connection = http1::Builder::new()
            .timer(TokioTimer::new())
            .header_read_timeout(options.header_timeout)
            .max_buf_size(options.max_head.max(8 * 1024))
            .serve_connection(TokioIo::new(stream), service)
            .with_upgrades();
        let mut connection = pin!(connection);
        let ended = tokio::select! {
            ended = connection.as_mut() => ended,
            () = drain.cancelled() => {
                connection.as_mut().graceful_shutdown();
                connection.await
            }
        };
        if let Err(error) = ended {
            // Clients often disconnect without closing, so this is not worth a warning.
            tracing::trace!(%error, %peer, "connection ended");
        }
    }
}

/// The time limit for refusing a client.
const PATIENCE: Duration = Duration::from_secs(1);

/// Refuses a client, and closes the connection.
///
/// The client's request is read first: closing a connection with unread bytes resets it, and the
/// client would never see the answer.
pub(super) async fn refuse(mut stream: TcpStream, why: (StatusCode, &str), options: &Options) {
    let full = refusal::bytes(why.0, why.1, options);
    let refused = async {
        let mut unread = [0; 1024];
        let _ = stream.read(&mut unread).await?;
        stream.write_all(&full).await?;
        stream.shutdown().await
    };
    let _ = tokio::time::timeout(PATIENCE, refused).await;
}

struct Counted;

impl Counted {
    fn new() -> Self {
        CONNECTIONS.open.increment(1.0);
        Self
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        CONNECTIONS.open.decrement(1.0);
    }
}
