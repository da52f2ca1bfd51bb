//! Redis with TLS.

use crate::rig;
use presence_core::store::{Kind, PresenceStore};
use presence_redis::RedisStore;
use presence_redis::redis::{Client, TlsCertificates};
use test_servers::redis::Tls;

fn install_provider() {
    // An error means that another test has installed it before.
    let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
}

#[tokio::test]
async fn calls_and_watches_work_over_tls_with_a_trusted_certificate() {
    install_provider();
    let server = Tls::start();
    let trusted = TlsCertificates { client_tls: None, root_cert: Some(server.certificate().into()) };
    let name = rig::unique();
    let open = || {
        let client = Client::build_with_tls(server.url(), trusted.clone()).unwrap();
        RedisStore::with_client(client, rig::options(&name)).unwrap()
    };
    let (one, two) = (super::Process::on(open()).await, super::Process::on(open()).await);
    let _holds = super::hold_all(&one.presence, &super::names("u", 3));
    super::eventually("the other sees them", || two.online() == 3).await;
}

#[tokio::test]
async fn a_server_with_an_untrusted_certificate_is_refused() {
    install_provider();
    let server = Tls::start();
    let store = RedisStore::connect(&server.url(), rig::options(&rig::unique())).unwrap();
    let refused = store.now().await.unwrap_err();
    assert_eq!(refused.kind(), Kind::Unavailable, "{refused:?}");
}
