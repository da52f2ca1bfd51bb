//! Requests and options that are refused, and the texts of the errors.

use crate::own::{MINUTE, session};
use crate::rig::{self, NATS, unique};
use presence_core::store::{ForgetIf, Kind, Session};
use presence_core::{PresenceStore, Timestamp, UserId};
use presence_nats::async_nats::{self, ConnectOptions};
use presence_nats::{Namespace, NatsStore, Options, Storage};
use std::error::Error as _;
use test_servers::nats::Nats;

#[tokio::test]
async fn a_bucket_with_unusable_settings_is_rejected_with_the_reason() {
    let name = unique();
    let config = format!(
        r#"{{"name":"KV_{name}","subjects":["$KV.{name}.>"],"max_msgs_per_subject":5,"storage":"memory"}}"#
    );
    let answer = NATS.request(&format!("$JS.API.STREAM.CREATE.KV_{name}"), &config);
    assert!(answer.contains("did_create"), "{answer}");
    let store = rig::on(&NATS, &name, Storage::Memory);
    let error = store.ping().await.unwrap_err();
    assert_eq!(error.kind(), Kind::Rejected);
    assert!(error.to_string().contains("its history must be 1"), "{error}");
    let now = Timestamp::from_secs(1);
    assert_eq!(store.put(&[session("u", now, MINUTE)]).await.unwrap_err().kind(), Kind::Rejected);
    rig::lose(&NATS, &name);
}

#[tokio::test]
async fn a_full_bucket_refuses_puts_as_unavailable_and_accepts_deletions() {
    let name = unique();
    let options = rig::options(&name, Storage::Memory).max_bytes(20_000);
    let store = rig::at(&NATS.url(), options);
    let now = store.now().await.unwrap();
    let all: Vec<Session> = (0..200).map(|n| session(&format!("user-{n:03}"), now, MINUTE)).collect();
    let error = store.put(&all).await.unwrap_err();
    assert_eq!(error.kind(), Kind::Unavailable);
    assert!(error.to_string().contains("full"), "{error}");
    let users: Vec<UserId> = all.iter().map(|session| session.user.clone()).collect();
    let stored = store.load(&users).await.unwrap().sessions;
    assert!(!stored.is_empty() && stored.len() < all.len());
    let seen: Vec<ForgetIf> = stored
        .iter()
        .map(|session| ForgetIf::Session { key: session.key(), seen_at: now, placed_at: now })
        .collect();
    store.forget(&seen).await.unwrap();
    assert_eq!(store.load(&users).await.unwrap().sessions, []);
    rig::lose(&NATS, &name);
}

#[tokio::test]
async fn a_request_that_the_server_denies_is_rejected() {
    let server = tokio::task::spawn_blocking(|| {
        Nats::with(
            "authorization { users: [
               { user: all, password: all },
               { user: reader, password: secret-of-reader, permissions: { publish: [\"$JS.API.>\"], subscribe: [\"_INBOX.>\"] } }
             ] }",
        )
    });
    let server = server.await.unwrap();
    let name = unique();
    let open = |user: &str, password: &str| {
        let connect = ConnectOptions::with_user_and_password(user.into(), password.into());
        NatsStore::connect(&server.url(), connect, rig::options(&name, Storage::Memory)).unwrap()
    };
    // The credentials are in the URL, as in most configuration files.
    let url = server.url().replace("nats://", "nats://all:all@");
    let all = NatsStore::connect(&url, ConnectOptions::new(), rig::options(&name, Storage::Memory)).unwrap();
    let reader = open("reader", "secret-of-reader");
    let now = all.now().await.unwrap();
    let here = session("here", now, MINUTE);
    all.put(std::slice::from_ref(&here)).await.unwrap();
    let loaded = reader.load(std::slice::from_ref(&here.user)).await.unwrap().sessions;
    assert_eq!(loaded, std::slice::from_ref(&here));
    let error = reader.put(&[here]).await.unwrap_err();
    assert_eq!(error.kind(), Kind::Rejected, "{error}");
    assert!(!error.to_string().contains("secret"), "{error}");
    let stranger = open("all", "another");
    assert!(matches!(stranger.ping().await.unwrap_err().kind(), Kind::Unavailable | Kind::Rejected));
}

#[tokio::test]
async fn a_store_accepts_an_existing_client_and_rejects_options_that_cannot_be_used() {
    let client = async_nats::connect(NATS.url()).await.unwrap();
    let name = unique();
    let store = NatsStore::with_client(client, rig::options(&name, Storage::Memory)).unwrap();
    store.ping().await.unwrap();
    assert!(!format!("{store:?}").contains("127.0.0.1"));
    let bad = Options::new(Namespace::new("a").unwrap()).replicas(0);
    let refused = NatsStore::connect("nats://127.0.0.1:1", ConnectOptions::new(), bad).unwrap_err();
    assert_eq!(refused.kind(), Kind::Rejected);
    let options = rig::options(&name, Storage::Memory);
    let refused = NatsStore::connect("nats://user:secret@:x:", ConnectOptions::new(), options).unwrap_err();
    assert_eq!(refused.kind(), Kind::Rejected);
    assert!(!refused.to_string().contains("secret"));
    let options = rig::options(&name, Storage::Memory);
    let two = "nats://one:secret@127.0.0.1,nats://two:secret@127.0.0.1";
    let refused = NatsStore::connect(two, ConnectOptions::new(), options).unwrap_err();
    assert_eq!(refused.kind(), Kind::Rejected);
    assert!(!refused.to_string().contains("secret"));
    rig::lose(&NATS, &name);
}

#[tokio::test]
async fn an_unreachable_server_is_named_only_in_the_source_of_the_error_and_without_credentials() {
    let options = rig::options(&unique(), Storage::Memory);
    // No server listens on port 1.
    let url = "nats://ann:secret@127.0.0.1:1";
    let store = NatsStore::connect(url, ConnectOptions::new(), options).unwrap();
    let cause = loop {
        let error = store.ping().await.unwrap_err();
        assert_eq!(error.kind(), Kind::Unavailable);
        // The error's own text, which may be shown to users, names no address.
        assert!(!error.to_string().contains("127.0.0.1"), "{error}");
        if let Some(cause) = error.source().map(ToString::to_string).filter(|cause| cause.contains(": ")) {
            break cause;
        }
    };
    assert!(cause.starts_with("NATS at 127.0.0.1:1: IO error: "), "{cause}");
    assert!(cause.to_lowercase().contains("refused"), "{cause}");
}
