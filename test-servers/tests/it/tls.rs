use std::net::TcpStream;

use test_servers::redis::Tls;

#[test]
fn redis_with_tls_has_a_certificate_and_accepts_connections_to_its_tls_port() {
    let tls = Tls::start();
    assert_eq!(tls.url(), format!("rediss://127.0.0.1:{}", tls.port()));
    assert_eq!(tls.server().command(&["PING"]), "PONG");
    assert!(tls.certificate().starts_with("-----BEGIN CERTIFICATE-----"));
    assert!(TcpStream::connect(("127.0.0.1", tls.port())).is_ok());
}
