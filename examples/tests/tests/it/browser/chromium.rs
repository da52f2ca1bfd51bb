//! One headless Chromium for all tests that run at a time.

use super::PATIENCE;
use super::pipe::Pipe;
use parking_lot::Mutex;
use serde_json::Value;
use std::env;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Weak};
use std::thread;
use std::time::Duration;

/// Runs Chromium in a new profile, on the pipe that it takes for file descriptors 3 and 4, and
/// removes the profile after it.
///
/// Chromium ends when its pipe is closed, so that it goes with this process however that ends.
const SCRIPT: &str = r#"
exec 3<&0 4>&1 </dev/null >/dev/null
profile=$(mktemp -d "${TMPDIR:-/tmp}/presence-chromium.XXXXXX") || exit
"$@" --user-data-dir="$profile"
rm -rf "$profile"
"#;

const FLAGS: [&str; 10] = [
    "--remote-debugging-pipe",
    "--headless",
    // It opens our own pages only, and where tests run as root, or in a container, its sandbox
    // cannot be.
    "--no-sandbox",
    "--disable-gpu",
    "--disable-dev-shm-usage",
    // Nothing but our pages is asked for anything.
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-quic",
    "--disable-sync",
    "--no-first-run",
];

/// How often it is looked whether Chromium has ended, once its pipe is closed, and how many times.
const LOOK_EVERY: Duration = Duration::from_millis(20);
const LOOKS: usize = 500;

/// A browser that runs as long as a test uses it.
pub struct Chromium {
    pipe: Pipe,
    child: Mutex<Child>,
}

impl Chromium {
    /// The running browser, or a new one.
    pub fn shared() -> Arc<Self> {
        static RUNNING: Mutex<Weak<Chromium>> = Mutex::new(Weak::new());
        let mut running = RUNNING.lock();
        running.upgrade().unwrap_or_else(|| {
            let chromium = Arc::new(Self::spawn());
            *running = Arc::downgrade(&chromium);
            chromium
        })
    }

    fn spawn() -> Self {
        let mut child = Command::new("sh")
            .args(["-c", SCRIPT, "sh"])
            .arg(program())
            .args(FLAGS)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .process_group(0)
            .spawn()
            .expect("sh runs");
        let (commands, answers) = (child.stdin.take().unwrap(), child.stdout.take().unwrap());
        let pipe = Pipe::new(commands, answers, child.stderr.take().unwrap());
        Self { pipe, child: Mutex::new(child) }
    }

    /// Calls a method of the debugging protocol: on a tab's session, or on the browser.
    pub async fn call(&self, session: Option<&str>, method: &str, params: Value) -> Value {
        let answer = self.try_call(PATIENCE, session, method, params).await;
        answer.unwrap_or_else(|error| panic!("{method}: {error}"))
    }

    /// The same, for a call that a navigation of the tab may interrupt.
    ///
    /// # Errors
    /// What the browser answers, or that it has not answered within this time.
    pub async fn try_call(
        &self,
        patience: Duration,
        session: Option<&str>,
        method: &str,
        params: Value,
    ) -> Result<Value, String> {
        tokio::time::timeout(patience, self.pipe.call(session, method, params))
            .await
            .unwrap_or_else(|elapsed| Err(format!("no answer within {patience:?}: {elapsed}")))
    }

    /// The events of a session since it was last asked.
    pub fn events(&self, session: &str) -> Vec<Value> {
        self.pipe.events(session)
    }
}

impl Drop for Chromium {
    fn drop(&mut self) {
        self.pipe.close();
        let child = self.child.get_mut();
        for _ in 0..LOOKS {
            if !matches!(child.try_wait(), Ok(None)) {
                return;
            }
            thread::sleep(LOOK_EVERY);
        }
        let group = child.id().to_string();
        let _ = Command::new("sh").args(["-c", "kill -s KILL -- \"-$0\"", &group]).status();
        let _ = child.wait();
    }
}

/// Where `scripts/servers.sh` has put it.
fn program() -> PathBuf {
    let servers = env::var_os("PRESENCE_SERVERS")
        .map_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).join("../../.servers/bin"), PathBuf::from);
    let program = servers.join("chromium");
    assert!(
        program.exists(),
        "these tests drive Chromium, and {} is not there: ./scripts/servers.sh chromium",
        program.display()
    );
    program
}
