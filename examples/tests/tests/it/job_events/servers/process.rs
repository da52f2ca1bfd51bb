//! An instance that can be killed.

use super::Instance;
use crate::client::soon;
use crate::job_events::drill::Misfortune;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::Duration;
use test_servers::redis::Redis;

const CHILD: &str = "JOB_EVENTS_TEST_CHILD";
const ADDRESS: &str = "JOB_EVENTS_TEST_ADDRESS";

/// The instance that is killed. Started as a test, it does nothing.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn as_a_process_of_its_own() {
    let (Ok(redis), Ok(address)) = (std::env::var(CHILD), std::env::var(ADDRESS)) else { return };
    let instance = Instance::with(&["--redis-url", &redis]).await;
    let written = format!("{address}.part");
    std::fs::write(&written, instance.address.to_string()).unwrap();
    std::fs::rename(written, address).unwrap();
    // It is killed long before.
    tokio::time::sleep(Duration::from_mins(5)).await;
}

/// An instance in its own process.
pub struct Process {
    pub address: SocketAddr,
    pub child: Killed,
}

pub struct Killed(parking_lot::Mutex<Child>);

impl Drop for Killed {
    fn drop(&mut self) {
        let child = self.0.get_mut();
        let _ = child.kill();
        let _ = child.wait();
    }
}

pub struct Kill(pub Killed);

impl Misfortune for Kill {
    async fn strike(&self) {
        self.0.0.lock().kill().unwrap();
    }
}

impl Process {
    pub async fn on(redis: &Redis) -> Self {
        let file: PathBuf =
            std::env::temp_dir().join(format!("job-events-{}-{}", std::process::id(), redis.port()));
        let _ = std::fs::remove_file(&file);
        let mut command = Command::new(std::env::current_exe().unwrap());
        command.args(["--exact", "job_events::servers::process::as_a_process_of_its_own", "--nocapture"]);
        command.env(CHILD, redis.url()).env(ADDRESS, &file);
        let child = command.stdout(Stdio::null()).stderr(Stdio::null()).stdin(Stdio::null()).spawn().unwrap();
        let child = Killed(child.into());
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
        Self { address, child }
    }
}
