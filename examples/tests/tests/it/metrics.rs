//! METRICS.md has every metric, and `promtool` accepts the metrics of the services.

use crate::{chat_gateway, hub_and_spoke, job_events};
use std::collections::BTreeSet;
use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

const TABLE: &str = include_str!("../../../../METRICS.md");
const ROOT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../..");

#[test]
fn the_table_has_exactly_the_existing_metrics() {
    let table: BTreeSet<String> = TABLE
        .lines()
        .filter_map(|row| Some(row.strip_prefix("| `")?.split_once('`')?.0.to_owned()))
        .collect();
    let mut counted = BTreeSet::new();
    for folder in sources() {
        visit(&folder, &mut |source| counted.extend(names(source)));
    }
    assert!(counted.len() > 30, "{counted:#?}");
    assert_eq!(counted, table);
}

#[test]
fn promtool_objects_to_no_metric() {
    for (service, counts) in [
        ("chat-gateway", "ws_messages_sent_total"),
        ("hub-and-spoke", "presence_cache_misses_total"),
        ("job-events", "presence_sessions"),
    ] {
        let text = printed_by(service);
        assert!(text.contains(&format!("# HELP {counts} ")), "{service}: {text}");
        assert_eq!(promtool(&text), "", "{service}: {text}");
    }
}

/// The service whose metrics this process prints; a separate process, because a recorder is global.
const SERVICE: &str = "METRICS_TEST_SERVICE";
const BEGIN: &str = "--- metrics\n";

fn printed_by(service: &str) -> String {
    let mut child = Command::new(std::env::current_exe().unwrap());
    child.args(["--exact", "metrics::as_a_process_of_its_own", "--nocapture"]).env(SERVICE, service);
    let said = String::from_utf8(child.output().unwrap().stdout).unwrap();
    let text = said.split(BEGIN).nth(1).unwrap_or_else(|| panic!("{service} printed nothing: {said}"));
    text.to_owned()
}

/// Prints the response of `GET /metrics` if `SERVICE` is set; otherwise does nothing.
#[tokio::test]
async fn as_a_process_of_its_own() {
    let Ok(service) = std::env::var(SERVICE) else { return };
    let text = match service.as_str() {
        "chat-gateway" => chat_gateway::metrics().await,
        "hub-and-spoke" => hub_and_spoke::metrics().await,
        _ => job_events::metrics().await,
    };
    print!("{BEGIN}{text}{BEGIN}");
}

/// The output of `promtool check metrics` for a text.
fn promtool(text: &str) -> String {
    let mut check = Command::new(test_servers::find("promtool", "promtool"));
    let pipes =
        check.args(["check", "metrics"]).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut running = pipes.spawn().unwrap();
    running.stdin.take().unwrap().write_all(text.as_bytes()).unwrap();
    let said = running.wait_with_output().unwrap();
    String::from_utf8([said.stdout, said.stderr].concat()).unwrap()
}

/// The source folders of the library and of the services.
fn sources() -> impl Iterator<Item = PathBuf> {
    let children = |folder: PathBuf| fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let library = children(ROOT.into()).filter(|path| is_named(path, "presence-"));
    library
        .chain(children(Path::new(ROOT).join("examples")))
        .map(|path| path.join("src"))
        .filter(|path| path.exists())
}

fn is_named(path: &Path, prefix: &str) -> bool {
    path.file_name().is_some_and(|name| name.to_string_lossy().starts_with(prefix))
}

fn visit(folder: &Path, seen: &mut impl FnMut(&str)) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            visit(&path, seen);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            seen(&fs::read_to_string(path).unwrap());
        }
    }
}

/// The metric names in calls of the facade's macros, and in hand-written Prometheus texts.
fn names(source: &str) -> impl Iterator<Item = String> {
    let macros =
        ["counter!(", "gauge!(", "histogram!("].into_iter().flat_map(|name| source.split(name).skip(1));
    let quoted = macros.filter_map(|rest| rest.trim_start().strip_prefix('"'));
    let by_hand = source.split("# TYPE ").skip(1);
    let name =
        |rest: &str| rest.split(|c: char| !c.is_ascii_alphanumeric() && c != '_').next().map(str::to_owned);
    quoted.chain(by_hand).filter_map(name).filter(|name| !name.is_empty())
}
