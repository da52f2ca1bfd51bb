use std::fs;

use super::{Redis, redis_server};
use crate::{port::Port, process};

/// A Redis server with TLS. Its certificate is new and self-signed, so clients have to be
/// configured to trust it.
#[derive(Debug)]
pub struct Tls {
    server: Redis,
    port: Port,
    certificate: String,
}

impl Tls {
    /// Starts a server. Returns when it is ready.
    ///
    /// # Panics
    /// If the server cannot be started, with the reason.
    pub fn start() -> Self {
        let names = ["127.0.0.1".to_owned(), "localhost".to_owned()];
        let made = rcgen::generate_simple_self_signed(names).expect("a certificate for 127.0.0.1");
        let (certificate, key) = (made.cert.pem(), made.signing_key.serialize_pem());
        process::run(|| Self::spawn(&certificate, &key), |tls| tls.server.ready())
    }

    /// The URL of the server: `rediss://..`.
    pub fn url(&self) -> String {
        format!("rediss://127.0.0.1:{}", self.port())
    }

    /// The port of the server for TLS. A restart does not change it.
    pub fn port(&self) -> u16 {
        self.port.number()
    }

    /// The certificate of the server in PEM, which is also the root certificate.
    pub fn certificate(&self) -> &str {
        &self.certificate
    }

    /// The server, for commands without TLS, and for killing it.
    pub fn server(&self) -> &Redis {
        &self.server
    }

    fn spawn(certificate: &str, key: &str) -> Self {
        let (port, folder) = (Port::free(), process::folder());
        fs::write(folder.join("certificate"), certificate).unwrap();
        fs::write(folder.join("key"), key).unwrap();
        let settings = [
            ("tls-port", &*port.number().to_string()),
            ("tls-cert-file", "certificate"),
            ("tls-key-file", "key"),
            ("tls-ca-cert-file", "certificate"),
            ("tls-auth-clients", "no"),
        ];
        let server = Redis::spawn_in(folder, &redis_server(), &settings);
        Self { server, port, certificate: certificate.to_owned() }
    }
}
