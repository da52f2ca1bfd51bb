//! `docs/tls.md`.

use cookbook::tls::{acceptor, serve};
use presence_axum::Mount;
use presence_core::Presence;
use presence_memory::MemoryStore;
use std::sync::Arc;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsConnector;
use tokio_rustls::rustls::{ClientConfig, RootCertStore, pki_types::ServerName};

#[tokio::test]
async fn pages_reach_presence_by_https_while_others_shake_hands_slowly() {
    let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    let tcp = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = tcp.local_addr().unwrap();
    let tls = acceptor(made.cert.pem().as_bytes(), made.signing_key.serialize_pem().as_bytes()).unwrap();
    let app = Mount::new(Presence::builder(MemoryStore::new()).start().unwrap()).routes();
    tokio::spawn(serve(tcp, tls, app, std::future::pending()));
    // A connection that sends nothing, which must not delay the next one.
    let _silent = TcpStream::connect(address).await.unwrap();

    let mut roots = RootCertStore::empty();
    roots.add(made.cert.der().clone()).unwrap();
    let config = ClientConfig::builder().with_root_certificates(roots).with_no_client_auth();
    let stream = TcpStream::connect(address).await.unwrap();
    let name = ServerName::try_from("localhost").unwrap();
    let mut stream = TlsConnector::from(Arc::new(config)).connect(name, stream).await.unwrap();
    let request = b"GET /v1/counts HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n";
    stream.write_all(request).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    assert!(
        answer.starts_with("HTTP/1.1 200") && answer.ends_with(r#"{"online":0,"active":0,"idle":0}"#),
        "{answer}"
    );
}

#[test]
fn a_certificate_that_is_none_is_refused() {
    assert!(acceptor(b"no certificate", b"no key").is_err());
}
