//! Google Pub/Sub is pulled, from its emulator, where there is one.
//!
//! `PUBSUB_EMULATOR` is its command, to which `--host` and `--port` are added; without it, it is
//! looked for where Google's own packages put it, and needs a JVM. Where there is none, the tests
//! say so, and check nothing.

use super::{Node, progress, settings, update};
use crate::client::{Reply, send, soon};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use job_events::pull::{Pulling, start};
use serde_json::{Value, json};
use std::net::SocketAddr;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;
use tokio::net::TcpListener;

/// Where the package `google-cloud-cli-pubsub-emulator` puts it.
const FOLDER: &str = "/usr/lib/google-cloud-sdk/platform/pubsub-emulator/lib";

/// Ends the emulator when its input is closed, which it is however this process ends.
const SCRIPT: &str = r#""$@" </dev/null & read -r _; kill -9 $!; wait"#;

/// The command, if there is one.
fn command() -> Option<Vec<String>> {
    if let Ok(command) = std::env::var("PUBSUB_EMULATOR") {
        return Some(command.split_whitespace().map(str::to_owned).collect());
    }
    let has_java = Command::new("java").arg("-version").stderr(Stdio::null()).status().is_ok();
    let jars = Path::new(FOLDER).read_dir().ok()?.flatten().map(|entry| entry.path());
    let jar = jars.into_iter().find(|path| path.extension().is_some_and(|end| end == "jar"))?;
    has_java.then(|| vec!["java".into(), "-jar".into(), jar.to_string_lossy().into_owned()])
}

struct Emulator {
    _process: Ends,
    address: SocketAddr,
}

struct Ends(Child);

impl Drop for Ends {
    fn drop(&mut self) {
        drop(self.0.stdin.take());
        let _ = self.0.wait();
    }
}

impl Emulator {
    /// One that is ready; `None` where there is none.
    async fn start() -> Option<Self> {
        let Some(command) = command() else {
            eprintln!(
                "\n*** NOT TESTED: there is no Pub/Sub emulator. Set PUBSUB_EMULATOR to its command, or install a JVM and \
                 google-cloud-cli-pubsub-emulator. ***\n"
            );
            return None;
        };
        // Whoever takes the port in between makes the emulator end, and the test fail.
        let address = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
        let process = Command::new("sh")
            .args(["-c", SCRIPT, "sh"])
            .args(command)
            .args([format!("--host={}", address.ip()), format!("--port={}", address.port())])
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let emulator = Self { _process: Ends(process), address };
        let ready = async {
            while tokio::net::TcpStream::connect(address).await.is_err() {
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        };
        tokio::time::timeout(Duration::from_mins(1), ready)
            .await
            .expect("the emulator listens within a minute");
        Some(emulator)
    }

    fn pull(&self, node: &Node) -> Pulling {
        let host = self.address.to_string();
        let flags = ["--google-cloud-project-id", "project", "--pubsub-emulator-host", &host];
        start(&settings(&flags).pubsub, node.intake()).unwrap()
    }

    async fn call(&self, method: &str, path: &str, body: &Value) -> Reply {
        let path = format!("/v1/projects/project/{path}");
        send(self.address, method, &path, &[("content-type", "application/json")], body.to_string()).await
    }

    /// Waits until the subscription exists: it gets all messages that are published from then on.
    async fn subscribed(&self) {
        let path = "subscriptions/sse-service-subscription";
        let there = async {
            while self.call("GET", path, &Value::Null).await.status != 200 {
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        };
        soon(there).await;
    }

    async fn publish(&self, data: &Value) {
        let message = json!({"messages": [{"data": STANDARD.encode(data.to_string())}]});
        let reply = self.call("POST", "topics/status-updates:publish", &message).await;
        assert_eq!(reply.status, 200, "{}", reply.text);
    }
}

fn of(job: &str, status: &str, progress: u8) -> Value {
    let mut update = update(status, progress);
    update["jobId"] = json!(job);
    update
}

#[tokio::test]
async fn pubsub_messages_are_shown_and_invalid_ones_are_dropped() {
    let Some(emulator) = Emulator::start().await else { return };
    let node = Node::new().await;
    let _pulling = emulator.pull(&node);
    emulator.subscribed().await;
    let mut stream = node.watch("j").await;
    emulator.publish(&of("j", "processing", 10)).await;
    assert_eq!(progress(&mut stream).await, 10);
    emulator.publish(&of("j", "done", 20)).await;
    emulator.publish(&json!("poison")).await;
    emulator.publish(&of("j", "completed", 100)).await;
    assert_eq!(progress(&mut stream).await, 100);
    // Of a finished job, acknowledged and passed over.
    emulator.publish(&of("j", "processing", 50)).await;
    emulator.publish(&of("another", "processing", 1)).await;
    assert_eq!(progress(&mut node.watch("another").await).await, 1);
}

#[tokio::test]
async fn two_instances_on_one_subscription_take_each_message_once() {
    let Some(emulator) = Emulator::start().await else { return };
    let one = Node::new().await;
    let two = one.sharing().await;
    let _pulling = (emulator.pull(&one), emulator.pull(&two));
    emulator.subscribed().await;
    let mut streams = [one.watch("j").await, two.watch("j").await];
    for step in 1..=20 {
        emulator.publish(&of("j", "processing", step)).await;
    }
    let mut seen = Vec::new();
    for stream in &mut streams {
        let mut steps = Vec::new();
        for _ in 0..20 {
            steps.push(progress(stream).await);
        }
        seen.push(steps);
    }
    assert_eq!(seen[0], seen[1], "both show them in one order");
    seen[0].sort_unstable();
    assert_eq!(seen[0], (1..=20).collect::<Vec<_>>());
}
