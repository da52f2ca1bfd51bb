//! HTTPS without a proxy in front.

use axum::extract::ConnectInfo;
use axum::{Extension, Router, serve::Listener};
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use presence_axum::{Mount, serve::terminated};
use presence_core::Presence;
use presence_memory::MemoryStore;
use std::{error::Error, pin::pin, sync::Arc, time::Duration};
use tokio::net::TcpListener;
use tokio::sync::Semaphore;
use tokio::time::timeout;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject};

/// Takes a certificate chain and its key, both as PEM.
pub fn acceptor(chain: &[u8], key: &[u8]) -> Result<TlsAcceptor, Box<dyn Error>> {
    let chain = CertificateDer::pem_slice_iter(chain).collect::<Result<_, _>>()?;
    let config = ServerConfig::builder().with_no_client_auth();
    Ok(TlsAcceptor::from(Arc::new(config.with_single_cert(chain, PrivateKeyDer::from_pem_slice(key)?)?)))
}

/// Serves until `ended` completes. Each connection has a task of its own, also for the handshake.
pub async fn serve(mut tcp: TcpListener, tls: TlsAcceptor, app: Router, ended: impl Future<Output = ()>) {
    let (mut ended, seats) = (pin!(ended), Arc::new(Semaphore::new(10_000)));
    loop {
        let (stream, peer) = tokio::select! {
            () = &mut ended => return,
            accepted = Listener::accept(&mut tcp) => accepted,
        };
        let Ok(seat) = Arc::clone(&seats).try_acquire_owned() else { continue }; // full: closes the connection
        // For limits per client.
        let (tls, app) = (tls.clone(), app.clone().layer(Extension(ConnectInfo(peer))));
        tokio::spawn(async move {
            let _seat = seat;
            let Ok(Ok(stream)) = timeout(Duration::from_secs(10), tls.accept(stream)).await else { return };
            let service = TowerToHyperService::new(app);
            let connection = http1::Builder::new()
                .timer(TokioTimer::new())
                .serve_connection(TokioIo::new(stream), service);
            let _ = connection.with_upgrades().await;
        });
    }
}

/// Serves it on port 8443.
#[tokio::main]
pub async fn main() -> Result<(), Box<dyn Error>> {
    let app: Router = Mount::new(Presence::builder(MemoryStore::new()).start()?).routes();
    let tls = acceptor(&std::fs::read("cert.pem")?, &std::fs::read("key.pem")?)?;
    serve(TcpListener::bind(("0.0.0.0", 8443)).await?, tls, app, terminated()).await;
    Ok(())
}
