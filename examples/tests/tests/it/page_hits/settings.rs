//! Settings.

use clap::Parser;
use page_hits::Settings;
use std::time::Duration;

fn settings(flags: &[&str]) -> Settings {
    parsed(flags).unwrap()
}

fn parsed(flags: &[&str]) -> Result<Settings, clap::Error> {
    Settings::try_parse_from(["page-hits"].iter().chain(flags))
}

fn url(flags: &[&str]) -> Option<String> {
    settings(flags).redis.url().unwrap().map(|url| url.reveal().to_owned())
}

#[test]
fn they_have_the_defaults_of_the_contract() {
    let settings = settings(&[]);
    assert_eq!((settings.port, settings.ttl()), (8080, Duration::from_secs(90)));
    assert_eq!(settings.cors_origins, "*".parse().unwrap());
    assert_eq!(url(&[]), None);
    assert_eq!(url(&["--redis-host", "cache"]).as_deref(), Some("redis://cache:6379"));
}

#[test]
fn an_invalid_ttl_is_refused_with_the_valid_range() {
    for ttl in ["0", "-1", "1.5", "90s", "", "3888001", "99999999999999999999"] {
        let refused = parsed(&[&format!("--presence-ttl={ttl}")]).unwrap_err().to_string();
        assert!(refused.contains("--presence-ttl <SECONDS>"), "{ttl}: {refused}");
    }
    assert!(parsed(&["--presence-ttl=0"]).unwrap_err().to_string().contains("0 is not in 1..=3888000"));
    for ttl in [1, 2, 9, 3_888_000] {
        let ttl = settings(&[&format!("--presence-ttl={ttl}")]).ttl();
        assert_eq!(page_hits::policy(ttl).validate(), Ok(()));
    }
}

#[test]
fn a_password_may_have_any_characters() {
    let url =
        |password| url(&["--redis-host=cache", "--redis-port=7000", &format!("--redis-password={password}")]);
    assert_eq!(url("").as_deref(), Some("redis://cache:7000"));
    assert_eq!(url("p@ss:w/ö?#%[").as_deref(), Some("redis://:p%40ss%3Aw%2F%C3%B6%3F%23%25%5B@cache:7000"));
}

#[test]
fn a_url_overrides_other_settings_and_empty_settings_count_as_unset() {
    let all = ["--redis-host=cache", "--redis-password=secret"];
    assert_eq!(url(&[all[0], all[1], "--redis-url=redis://other"]).as_deref(), Some("redis://other"));
    assert_eq!(url(&[all[0], "--redis-url="]).as_deref(), Some("redis://cache:6379"));
    assert_eq!(url(&["--redis-host=", "--redis-url= "]), None);
}

#[test]
fn a_host_is_a_name_or_an_address() {
    for (host, said) in [("10.0.0.3", "10.0.0.3"), ("::1", "[::1]"), ("a-b.internal", "a-b.internal")] {
        assert_eq!(url(&[&format!("--redis-host={host}")]), Some(format!("redis://{said}:6379")));
    }
    for host in ["cache:6379", "redis://cache", "a@b", "a/b", "a b", "[::1]"] {
        assert!(settings(&[&format!("--redis-host={host}")]).redis.url().is_err(), "{host}");
    }
}

#[test]
fn secrets_are_neither_printed_nor_part_of_the_help() {
    let settings = settings(&["--redis-password=hush", "--redis-url=redis://:hush@cache"]);
    assert!(!format!("{settings:?}").contains("hush"));
}
