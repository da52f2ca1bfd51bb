//! The settings of the process.

use super::settings;
use chat_gateway::{InvalidStores, Settings, Stores, Users};
use clap::Parser;
use std::time::Duration;

fn given(flags: &[&str]) -> Settings {
    Settings::try_parse_from(["chat-gateway"].iter().chain(flags)).unwrap()
}

fn refused(flags: &[&str]) -> String {
    Users::of(&given(flags).tokens, crate::rig::clock()).err().unwrap_or_default()
}

#[test]
fn settings_have_the_defaults_of_the_contract() {
    let settings = given(&[]);
    assert_eq!((settings.service_name.as_str(), settings.service_port), ("presence", 8006));
    assert_eq!(settings.idle_for(), Duration::from_mins(1));
    assert_eq!(
        (settings.presence_ttl(), settings.typing_ttl()),
        (Duration::from_mins(5), Duration::from_secs(5))
    );
    assert!(!settings.rest_public && settings.cors().unwrap().is_none());
}

#[test]
fn without_a_way_to_verify_tokens_it_does_not_start() {
    for flags in [&[][..], &["--jwt-secret", " "], &["--keycloak-client-id", "chat"]] {
        let refused = refused(flags);
        for setting in ["KEYCLOAK_URL", "JWKS_URL", "JWT_SECRET"] {
            assert!(refused.contains(setting), "{refused}");
        }
    }
    assert!(refused(&["--keycloak-url", "http://keycloak:8080"]).contains("KEYCLOAK_REALM"));
    assert!(refused(&["--jwks-url", "nonsense"]).starts_with("JWKS_URL"));
    assert!(refused(&["--jwks-url", "http://k/", "--jwt-secret", "x"]).contains("one way"));
}

#[tokio::test]
async fn unusable_settings_are_named() {
    let two = settings(&["--redis-url", "redis://a", "--nats-url", "nats://b"]);
    assert!(matches!(Stores::open(&two), Err(InvalidStores::Two)));
    for (flag, name) in [("--redis-url", "REDIS_URL"), ("--nats-url", "NATS_URL")] {
        let refused = Stores::open(&settings(&[flag, "hush://hunter2@"])).err().unwrap().to_string();
        assert!(refused.contains(name) && !refused.contains("hunter2"), "{refused}");
    }
    assert!(given(&["--cors-origins", "nonsense"]).cors().unwrap_err().contains("CORS_ORIGINS"));
    for flags in [["--ws-heartbeat-interval", "0"], ["--ws-typing-ttl", "x"], ["--service-port", "70000"]] {
        assert!(Settings::try_parse_from(["chat-gateway"].iter().chain(&flags)).is_err(), "{flags:?}");
    }
}

#[test]
fn secrets_are_not_printed() {
    let settings =
        given(&["--jwt-secret", "hunter2", "--redis-url", "redis://:hunter2@a", "--nats-url", "hunter2"]);
    assert!(!format!("{settings:?}").contains("hunter2"));
    let command = <Settings as clap::CommandFactory>::command();
    for name in ["jwt_secret", "redis_url", "nats_url"] {
        let argument = command.get_arguments().find(|argument| argument.get_id() == name).unwrap();
        assert!(argument.is_hide_env_values_set(), "{name}");
    }
}
