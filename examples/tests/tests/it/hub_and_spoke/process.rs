//! The settings of the process.

use super::node::settings;
use clap::Parser;
use hub_and_spoke::{NodeType, Settings, StoreSettings};

fn nats(setting: &'static str, urls: &[&str], domain: Option<&str>) -> StoreSettings {
    StoreSettings::Nats {
        setting,
        urls: urls.iter().map(ToString::to_string).collect(),
        domain: domain.map(ToString::to_string),
        bucket: "presence".to_owned(),
    }
}

#[test]
fn settings_have_the_defaults_of_the_contract() {
    let settings = Settings::parse_from(["hub-and-spoke"]);
    assert_eq!(settings.node_type, NodeType::Center);
    assert_eq!((settings.node_id.as_str(), settings.service_port), ("node-1", 8080));
    assert_eq!((settings.cache_max_cost, settings.cache_num_counters), (1_000_000, 100_000));
    assert!(settings.restrict_writes && settings.cors.cors_enabled && !settings.cors.cors_allow_credentials);
    assert_eq!((settings.cors.cors_allowed_origins.as_str(), settings.cors.cors_max_age), ("*", 600));
}

#[test]
fn a_secret_is_required_and_never_printed() {
    let without = Settings::parse_from(["hub-and-spoke"]);
    assert!(without.tokens().unwrap_err().contains("JWT_SECRET"));
    let printed = format!("{:?}", settings(&[]));
    assert!(!printed.contains(super::node::SECRET), "{printed}");
}

#[test]
fn urls_with_passwords_are_neither_printed_nor_helped_with() {
    let settings =
        settings(&["--nats-url", "nats://ada:hunter2@a:4222", "--nats-center-url", "nats://x:hunter2@b"]);
    for printed in [format!("{settings:?}"), format!("{:?}", settings.store().unwrap())] {
        assert!(!printed.contains("hunter2"), "{printed}");
    }
    let command = <Settings as clap::CommandFactory>::command();
    for argument in command.get_arguments().filter(|argument| argument.get_id().as_str().contains("url")) {
        assert!(argument.is_hide_env_values_set(), "{}", argument.get_id());
    }
}

#[test]
fn a_center_runs_on_memory_or_on_nats() {
    assert_eq!(settings(&[]).store(), Ok(StoreSettings::Memory));
    let url = "nats://a:4222, nats://b:4222,";
    assert_eq!(
        settings(&["--nats-url", url]).store(),
        Ok(nats("NATS_URL", &["nats://a:4222", "nats://b:4222"], None))
    );
}

#[test]
fn a_leaf_needs_a_center() {
    let leaf = |more: &[&str]| {
        let arguments: Vec<_> = ["--node-type", "leaf"].iter().chain(more).copied().collect();
        settings(&arguments).store()
    };
    assert!(leaf(&[]).unwrap_err().contains("NATS_CENTER_URL"));
    assert!(leaf(&["--nats-center-url", " "]).unwrap_err().contains("NATS_CENTER_URL"));
    assert!(leaf(&["--nats-url", "nats://own:4222"]).unwrap_err().contains("NATS_DOMAIN"));
    assert_eq!(
        leaf(&["--nats-center-url", "nats://hub:4222"]),
        Ok(nats("NATS_CENTER_URL", &["nats://hub:4222"], None))
    );
    let own = leaf(&["--nats-url", "nats://own:4222", "--nats-domain", "hub"]);
    assert_eq!(own, Ok(nats("NATS_URL", &["nats://own:4222"], Some("hub"))));
}
