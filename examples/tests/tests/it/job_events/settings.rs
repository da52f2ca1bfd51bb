//! Settings, as the contract names them.

use super::settings;
use clap::Parser;
use job_events::Settings;
use std::time::Duration;

#[test]
fn settings_have_the_defaults_of_the_contract() {
    let settings = settings(&[]);
    assert_eq!((settings.port, settings.rate_limit, settings.trusted_proxies), (8080, 600, 0));
    assert_eq!(settings.heartbeat(), Duration::from_secs(30));
    assert_eq!(settings.connection_timeout(), Duration::from_hours(1));
    assert_eq!(settings.retention(), Duration::from_hours(24));
    assert_eq!(settings.pubsub.pubsub_status_updates_topic, "status-updates");
    assert_eq!(settings.pubsub.pubsub_status_updates_subscription, "sse-service-subscription");
    assert!(settings.servers.redis().unwrap().is_none() && settings.servers.nats().is_none());
    assert!(!settings.demo);
}

#[test]
fn invalid_requests_are_refused() {
    for wrong in [
        ["--sse-heartbeat-interval", "0"],
        ["--sse-connection-timeout", "0"],
        ["--job-retention", "0"],
        ["--rate-limit", "-1"],
        ["--cors-origins", "https://a.example/path"],
    ] {
        assert!(Settings::try_parse_from(["job-events"].iter().chain(&wrong)).is_err(), "{wrong:?}");
    }
    assert!(settings(&["--redis-host", "a:6379"]).servers.redis().is_err());
}

#[test]
fn the_server_is_one_setting() {
    let url = |flags: &[&str]| settings(flags).servers.redis().unwrap().unwrap().reveal().to_owned();
    assert_eq!(url(&["--redis-host", "redis"]), "redis://redis:6379");
    let password = ["--redis-host", "10.0.0.1", "--redis-port", "7000", "--redis-password", "p@ss"];
    assert_eq!(url(&password), "redis://:p%40ss@10.0.0.1:7000");
    assert_eq!(url(&["--redis-url", "redis://a:1", "--redis-host", "b"]), "redis://a:1");
    let nats = settings(&["--nats-url", "nats://a:4222"]).servers.nats().unwrap();
    assert_eq!(nats.reveal(), "nats://a:4222");
}

#[test]
fn secrets_are_never_printed() {
    let secret = "s3cret-s3cret-s3cret-s3cret-s3cret";
    for flag in ["jwt-secret", "internal-token", "push-token", "redis-password", "redis-url", "nats-url"] {
        let printed = format!("{:?}", settings(&[&format!("--{flag}={secret}")]));
        assert!(!printed.contains(secret), "{flag}: {printed}");
    }
}
