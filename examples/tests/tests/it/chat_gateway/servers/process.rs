//! An instance in its own process, started by `main`.

use crate::chat_gateway::{SECRET, open};
use crate::client::{send, soon};
use chat_gateway::{Settings, record, run};
use clap::Parser;
use presence_axum::serve::terminated;
use std::net::SocketAddr;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering::Relaxed};
use std::time::Duration;
use tokio::net::TcpListener;

/// The flags of the instance, one in each line; where to write its address.
const FLAGS: &str = "CHAT_GATEWAY_TEST_FLAGS";
const ADDRESS: &str = "CHAT_GATEWAY_TEST_ADDRESS";

static DRAWN: AtomicU32 = AtomicU32::new(0);

/// The instance. Started as a test, it does nothing.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn as_a_process_of_its_own() {
    let (Ok(flags), Ok(file)) = (std::env::var(FLAGS), std::env::var(ADDRESS)) else { return };
    let settings = Settings::try_parse_from(["chat-gateway"].into_iter().chain(flags.lines())).unwrap();
    record();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let written = format!("{file}.part");
    std::fs::write(&written, listener.local_addr().unwrap().to_string()).unwrap();
    std::fs::rename(written, file).unwrap();
    run(&settings, listener, terminated()).await.unwrap();
}

pub struct Process {
    pub address: SocketAddr,
    child: Child,
}

impl Process {
    pub async fn start(flags: &[&str]) -> Self {
        let name = format!("chat-gateway-{}-{}", std::process::id(), DRAWN.fetch_add(1, Relaxed));
        let file = std::env::temp_dir().join(name);
        let mut command = Command::new(std::env::current_exe().unwrap());
        command.args(["--exact", "chat_gateway::servers::process::as_a_process_of_its_own", "--nocapture"]);
        let flags: Vec<_> = ["--jwt-secret", SECRET].iter().chain(flags).copied().collect();
        command.env(FLAGS, flags.join("\n")).env(ADDRESS, &file);
        let child = command.stdout(Stdio::null()).stderr(Stdio::null()).stdin(Stdio::null()).spawn().unwrap();
        let address = soon(async {
            loop {
                if let Ok(address) = std::fs::read_to_string(&file) {
                    return address.parse().unwrap();
                }
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        });
        let address = address.await;
        let _ = std::fs::remove_file(&file);
        let process = Self { address, child };
        open(process.address, 0).await;
        process
    }

    /// Ends it as a power cut does.
    pub fn kill(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// Asks it to end, as a container is.
    pub fn terminate(&self) {
        let pid = self.child.id().to_string();
        assert!(Command::new("kill").args(["-TERM", &pid]).status().unwrap().success());
    }

    /// Waits until it has ended; whether it did so in good order.
    pub async fn ended(&mut self) -> bool {
        soon(async {
            loop {
                if let Some(status) = self.child.try_wait().unwrap() {
                    return status.success();
                }
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        })
        .await
    }

    pub async fn metrics(&self) -> String {
        send(self.address, "GET", "/metrics", &[], "").await.text
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
